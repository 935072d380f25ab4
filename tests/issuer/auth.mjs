import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { bearer, jwt } from "better-auth/plugins";

export const tables = { user: [], session: [], account: [], verification: [], jwks: [] };

export const auth = betterAuth({
  baseURL: process.env.BETTER_AUTH_URL, // the `iss` and `aud` of its tokens
  secret: process.env.BETTER_AUTH_SECRET,
  database: memoryAdapter(tables), // in production, your own database
  emailAndPassword: { enabled: true },
  plugins: [bearer(), jwt()],
});

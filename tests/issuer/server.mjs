// Serves auth.mjs at BETTER_AUTH_URL, and what tests need besides under /control.
// Ends when its standard input does; its tables outlive it in the file BETTER_AUTH_STATE.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { deserialize, serialize } from "node:v8";

import { betterAuth } from "better-auth";
import { createEmailVerificationToken } from "better-auth/api";
import { signJWT } from "better-auth/crypto";
import { toNodeHandler } from "better-auth/node";
import { createJwk } from "better-auth/plugins";

import { auth, tables } from "./auth.mjs";

const { BETTER_AUTH_SECRET: secret, BETTER_AUTH_STATE: state } = process.env;
const { BETTER_AUTH_URL: baseURL, LISTEN_FD: fd } = process.env;
const SESSION_DATA = "better-auth.session_data=";

// The same issuer, users and secret, of a team that has turned the cookie cache on.
const caching = betterAuth({
  ...auth.options,
  session: { cookieCache: { enabled: true, strategy: "jwt" } },
});

const controls = {
  rotate: async () => {
    const context = await auth.$context;
    const { options } = auth.options.plugins.find((plugin) => plugin.id === "jwt");
    return (await createJwk({ context }, options)).id;
  },
  sign: ({ claims, expiresIn }) => signJWT(claims, secret, expiresIn),
  "verification-token": ({ email }) => createEmailVerificationToken(secret, email),
  "cookie-cache-token": async (credentials) => {
    const request = new Request(`${baseURL}/api/auth/sign-in/email`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Origin: baseURL },
      body: JSON.stringify(credentials),
    });
    const cookies = (await caching.handler(request)).headers.getSetCookie();
    const cookie = cookies.find((each) => each.startsWith(SESSION_DATA));
    return cookie.slice(SESSION_DATA.length).split(";")[0];
  },
};

async function control(name, request, response) {
  try {
    response.end(await controls[name](await json(request)));
  } catch (error) {
    response.writeHead(500).end(String(error.stack));
  }
}

function stop() {
  if (state) writeFileSync(state, serialize(tables));
  process.exit();
}

if (state && existsSync(state)) Object.assign(tables, deserialize(readFileSync(state)));
const betterAuthHandler = toNodeHandler(auth);
const server = createServer((request, response) => {
  const [, first, name] = request.url.split("/");
  if (first === "control") control(name, request, response);
  else betterAuthHandler(request, response);
});
const address = { host: "127.0.0.1", port: new URL(baseURL).port };
server.listen(fd ? { fd: Number(fd) } : address, () => console.log(`listening at ${baseURL}`));
process.stdin.on("end", stop).resume();

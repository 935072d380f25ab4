export default {
  input: "openapi.yaml",
  output: { path: "generated/hey-api", importFileExtension: ".js" },
  plugins: ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk", { name: "zod", dates: { offset: true } }],
};

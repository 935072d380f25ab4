// Swagger UI fills in the default and the example of each parameter, and sends them. This moves both
// into the description, so that the page sends only what a person chooses.
const resolved = (contract, node) =>
  node?.$ref?.startsWith("#/")
    ? resolved(
        contract,
        node.$ref
          .slice(2)
          .split("/")
          .reduce((parent, name) => parent?.[name.replaceAll("~1", "/").replaceAll("~0", "~")], contract),
      )
    : node;

const parametersOf = (contract) =>
  [contract.components, ...Object.values(contract.paths ?? {}).flatMap((path) => [path, ...Object.values(path)])]
    .flatMap((node) => Object.values(node?.parameters ?? {}))
    .filter((parameter) => parameter.schema);

const describeValues = (contract) => {
  for (const parameter of parametersOf(contract)) {
    const { default: value, ...schema } = resolved(contract, parameter.schema);
    const described = Object.entries({ Default: value, Example: parameter.example })
      .filter(([, each]) => each !== undefined)
      .map(([name, each]) => `${name}: \`${each}\``);
    parameter.schema = schema;
    parameter.description = [parameter.description, ...described].join("\n\n");
    delete parameter.example;
    delete parameter.examples;
  }
  return contract;
};

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  plugins: [
    {
      statePlugins: {
        spec: {
          wrapActions: {
            updateJsonSpec: (update) => (contract) => update(describeValues(contract)),
          },
        },
      },
    },
  ],
  // A token is forgotten with the page that it was pasted into.
  persistAuthorization: false,
  tryItOutEnabled: true,
  // Or Swagger UI sends the contract's address to a validator on another host.
  validatorUrl: null,
});

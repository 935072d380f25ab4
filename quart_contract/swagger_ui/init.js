SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // A token is forgotten with the page that it was pasted into.
  persistAuthorization: false,
  tryItOutEnabled: true,
  // Or Swagger UI sends the contract's address to a validator on another host.
  validatorUrl: null,
});

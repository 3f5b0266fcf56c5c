"use strict";
window.ui = SwaggerUIBundle({
  url: document.getElementById("page").dataset.document,
  dom_id: "#page",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null, // it is a server in the internet
});

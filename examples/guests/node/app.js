// A server of node:http.
const http = require("node:http");

const server = http.createServer((req, res) => {
  const headers = { "content-type": "text/plain" };
  if (req.url === "/cached") headers["cache-control"] = "max-age=60";
  res.writeHead(200, headers);
  res.end(`node ${req.url} ${process.hrtime.bigint()}\n`);
});

server.listen(process.env.SOCKET ?? process.env.PORT);
// The requests that are open end first.
process.on("SIGTERM", () => server.close());

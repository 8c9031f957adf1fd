// An Express app.
const express = require("express");

const app = express();

app.get("/cached", (req, res) => {
  res.set("cache-control", "max-age=60").type("text").send(`express /cached ${process.hrtime.bigint()}\n`);
});
app.use((req, res) => res.type("text").send(`express ${req.path}\n`));

const server = app.listen(process.env.SOCKET ?? process.env.PORT);
// The requests that are open end first.
process.on("SIGTERM", () => server.close());

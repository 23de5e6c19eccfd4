// Sends through Nodemailer's pool: as many messages as each line of its input says. It keeps nothing on disk.
const [, , module_, text] = process.argv;
const fs = require("fs");
const nodemailer = require(module_);
const asked = JSON.parse(text);

const transport = nodemailer.createTransport({
  pool: true,
  maxConnections: asked.connections,
  maxMessages: 100,
  host: "localhost",
  port: asked.port,
  requireTLS: true,
  auth: { user: asked.login, pass: asked.password },
  tls: { ca: fs.readFileSync(asked.authority) },
});

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    for (let number = 0; number < Number(line); number++) {
      transport
        .sendMail({
          from: asked.login,
          to: `client${number}@client.example`,
          subject: `Invoice ${number}`,
          text: asked.text,
        })
        .catch((error) => console.error(error.message));
    }
  });

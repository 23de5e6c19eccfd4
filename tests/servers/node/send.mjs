// Sends one message with Nodemailer; everything about it comes as JSON on standard input.
import { readFileSync } from "node:fs";
import nodemailer from "nodemailer";

const { server, mail } = JSON.parse(readFileSync(0, "utf8"));
try {
  const sent = await nodemailer.createTransport(server).sendMail(mail);
  console.log(sent.response);
} catch (error) {
  console.log(error.response ?? error.message);
  process.exitCode = 1;
}

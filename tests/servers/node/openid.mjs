// A real OpenID provider: node openid.mjs PORT REDIRECT_URI
// Its page asks for an e-mail address and for nothing else. Addresses that begin with "unverified"
// are not verified; the other button says no.
import http from "node:http";
import { Provider } from "oidc-provider";

const [port, redirect] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const page = `<!doctype html><title>Provider</title><form method="post"><label>E-mail address
<input name="email"></label><button>Continue</button><button name="deny" value="1">Deny</button></form>`;

const provider = new Provider(issuer, {
  clients: [{ client_id: "letterhead", client_secret: "a secret: of + tests", redirect_uris: [redirect] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  cookies: { keys: ["tests"] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: !id.startsWith("unverified") }),
  }),
  loadExistingGrant: async ({ oidc }) => {
    const ids = { clientId: oidc.client.clientId, accountId: oidc.session.accountId };
    const grant = new oidc.provider.Grant(ids);
    grant.addOIDCScope("openid email");
    await grant.save();
    return grant;
  },
});

async function posted(request) {
  let text = "";
  for await (const part of request) text += part;
  return new URLSearchParams(text);
}

async function interact(request, response) {
  if (request.method === "GET") return response.setHeader("Content-Type", "text/html").end(page);
  const form = await posted(request);
  const result = form.has("deny")
    ? { error: "access_denied", error_description: "<b>No</b>" }
    : { login: { accountId: form.get("email") }, consent: {} };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const answer = provider.callback();
http
  .createServer((request, response) =>
    request.url.startsWith("/interaction/") ? interact(request, response) : answer(request, response),
  )
  .listen(Number(port), "127.0.0.1");

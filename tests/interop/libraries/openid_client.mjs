// openid-client, on oauth4webapi: by discovery alone, a token from exchange to revocation.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18 has it under this name alone
const oauth = await import('openid-client');

const { issuer, method, client_id, own, wrong, kid, scope, beyond } = JSON.parse(process.argv.at(-1));
const P256 = { name: 'ECDSA', namedCurve: 'P-256' };
const key = (pkcs8) => crypto.subtle.importKey('pkcs8', Buffer.from(pkcs8, 'base64url'), P256, false, ['sign']);
const shown = {
  client_secret_basic: oauth.ClientSecretBasic,
  client_secret_post: oauth.ClientSecretPost,
  private_key_jwt: async (pkcs8) => oauth.PrivateKeyJwt({ key: await key(pkcs8), kid }),
}[method];
const discovered = async (secret) =>
  oauth.discovery(new URL(issuer), client_id, undefined, await shown(secret), {
    algorithm: 'oauth2',
    execute: [oauth.allowInsecureRequests], // plain HTTP, on the loopback
  });
// A 401 with a challenge is one to it before it reads the body, as RFC 6750 has it; of anything else it tells the error.
const error = (asked) => asked.then(() => null, (refused) => refused.error ?? refused.code);

const config = await discovered(own);
const server = config.serverMetadata();
const token = await oauth.clientCredentialsGrant(config, { scope });
const before = await oauth.tokenIntrospection(config, token.access_token);
await oauth.tokenRevocation(config, token.access_token);
const after = await oauth.tokenIntrospection(config, token.access_token);
const guess = await discovered(wrong);
console.log(
  JSON.stringify({
    methods: server.token_endpoint_auth_methods_supported,
    token,
    before,
    after,
    wrong: await error(oauth.clientCredentialsGrant(guess, {})),
    beyond_its_scopes: await error(oauth.clientCredentialsGrant(config, { scope: beyond })),
  }),
);

// openid-client, on oauth4webapi: by discovery alone, a token from exchange to revocation.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18 has it under this name alone
const oauth = await import('openid-client');

const { issuer, method, client_id, client_secret, scope, beyond } = JSON.parse(process.argv.at(-1));
const shown = { client_secret_basic: oauth.ClientSecretBasic, client_secret_post: oauth.ClientSecretPost }[method];
const discovered = (secret) =>
  oauth.discovery(new URL(issuer), client_id, undefined, shown(secret), {
    algorithm: 'oauth2',
    execute: [oauth.allowInsecureRequests], // plain HTTP, on the loopback
  });
// A 401 with a challenge is one to it before it reads the body, as RFC 6750 has it; of anything else it tells the error.
const error = (asked) => asked.then(() => null, (refused) => refused.error ?? refused.code);

const config = await discovered(client_secret);
const server = config.serverMetadata();
const token = await oauth.clientCredentialsGrant(config, { scope });
const before = await oauth.tokenIntrospection(config, token.access_token);
await oauth.tokenRevocation(config, token.access_token);
const after = await oauth.tokenIntrospection(config, token.access_token);
const guess = await discovered(`${client_secret.slice(0, -6)}AAAAAA`);
console.log(
  JSON.stringify({
    methods: server.token_endpoint_auth_methods_supported,
    token,
    before,
    after,
    wrong_secret: await error(oauth.clientCredentialsGrant(guess, {})),
    beyond_its_scopes: await error(oauth.clientCredentialsGrant(config, { scope: beyond })),
  }),
);

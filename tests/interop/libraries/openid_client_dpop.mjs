// openid-client, on oauth4webapi: a token that is bound to a key of its own, taken with the server's nonce, and used.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18 has it under this name alone
const oauth = await import('openid-client');

const { issuer, client_id, client_secret, pkcs8, kid, algorithm } = JSON.parse(process.argv.at(-1));
const privateKey = async () => {
  const key = Buffer.from(pkcs8, 'base64url');
  return { key: await crypto.subtle.importKey('pkcs8', key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']), kid };
};
const shown = pkcs8 ? oauth.PrivateKeyJwt(await privateKey()) : oauth.ClientSecretBasic(client_secret);
const config = await oauth.discovery(new URL(issuer), client_id, undefined, shown, {
  algorithm: 'oauth2',
  execute: [oauth.allowInsecureRequests], // plain HTTP, on the loopback
});
const DPoP = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair(algorithm));
const another = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair(algorithm));
const token = await oauth.clientCredentialsGrant(config, {}, { DPoP });
const again = await oauth.clientCredentialsGrant(config, {}, { DPoP });
const whoami = new URL(`${issuer}/api/v1/whoami`);
const used = async (options) => {
  const asked = oauth.fetchProtectedResource(config, token.access_token, whoami, 'GET', undefined, undefined, options);
  // What has a challenge it throws.
  return asked.then((answer) => answer.json(), (refused) => refused.cause?.[0]?.scheme ?? String(refused));
};
const introspected = await oauth.tokenIntrospection(config, token.access_token);
console.log(
  JSON.stringify({
    algorithms: config.serverMetadata().dpop_signing_alg_values_supported,
    thumbprint: await DPoP.calculateThumbprint(),
    token,
    again,
    introspected,
    used: await used({ DPoP }),
    used_again: await used({ DPoP }),
    by_another_key: await used({ DPoP: another }),
  }),
);

// jose: one process that keeps the published keys by its own rules, and checks a token a line.
import { webcrypto } from 'node:crypto';
import { createInterface } from 'node:readline';

globalThis.crypto ??= webcrypto; // Node 18 has it under this name alone
const { createRemoteJWKSet, jwtVerify } = await import('jose');

const { issuer, audience, jwks_uri, typ } = JSON.parse(process.argv.at(-1));
const keys = createRemoteJWKSet(new URL(jwks_uri));

for await (const token of createInterface({ input: process.stdin })) {
  const told = await jwtVerify(token, keys, { issuer, audience, typ, algorithms: ['ES256'] }).then(
    ({ payload, protectedHeader }) => ({ claims: payload, kid: protectedHeader.kid }),
    (refused) => ({ refused: refused.code }),
  );
  console.log(JSON.stringify(told));
}

// A real identity provider for the tests, on loopback. Its one argument says how it is to be, as JSON; on its standard output it
// says its port once it answers. People "type" who they are into the header X-Login.
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { generateKeyPair, exportJWK } from 'jose';

// Its output is for its port alone.
console.info = console.warn = console.error;

const wanted = JSON.parse(process.argv[2]);

// A provider whose clock is wrong.
const realNow = Date.now;
Date.now = () => realNow() + (wanted.clock_shift_seconds ?? 0) * 1000;

const { default: Provider } = await import('oidc-provider');

const server = createServer();
await new Promise((listening) => server.listen(wanted.port ?? 0, '127.0.0.1', listening));
// With TLS for the service; the browser of the tests comes by the plain port, as behind a proxy that ends TLS.
const tls = wanted.tls && createTlsServer({ key: readFileSync(wanted.tls.key), cert: readFileSync(wanted.tls.cert) });
if (tls) await new Promise((listening) => tls.listen(0, '127.0.0.1', listening));
const issuer = tls ? `https://localhost:${tls.address().port}` : `http://127.0.0.1:${server.address().port}`;

const algorithm = wanted.algorithm ?? 'RS256';
const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
const key = { ...(await exportJWK(privateKey)), use: 'sig', alg: algorithm, kid: wanted.kid ?? `key-${realNow()}` };

const accounts = wanted.accounts;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'console',
      client_secret: wanted.client_secret,
      token_endpoint_auth_method: wanted.client_auth ?? 'client_secret_basic',
      redirect_uris: ['https://keys.test/console/callback'],
      response_types: ['code'],
      grant_types: ['authorization_code'],
      id_token_signed_response_alg: algorithm,
    },
  ],
  jwks: { keys: [key] },
  enabledJWA: { idTokenSigningAlgValues: [algorithm] },
  pkce: { required: () => true, methods: ['S256'] },
  cookies: { keys: ['of the tests alone'] },
  features: { devInteractions: { enabled: false } },
  conformIdTokenClaims: wanted.userinfo ?? false,
  acrValues: ['gold', 'silver'],
  claims: {
    acr: null,
    auth_time: null,
    iss: null,
    sid: null,
    openid: ['sub', 'amr'],
    email: ['email', 'email_verified'],
    profile: ['name', 'groups', 'org'],
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts[id]?.claims }) }),
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  },
});

provider.proxy = true;
const answer = provider.callback();
const serve = async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  const login = request.headers['x-login'];
  const account = accounts[login];
  const result = account
    ? { login: { accountId: login, acr: account.acr, amr: account.amr } }
    : { error: 'access_denied', error_description: 'nobody of that name' };
  try {
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
};
server.on('request', serve);
tls?.on('request', serve);
console.log(`${server.address().port} ${tls?.address().port ?? ''}`);

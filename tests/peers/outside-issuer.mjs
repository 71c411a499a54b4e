// A second OpenID Connect issuer for the tests: `oidc-provider`, certified, over TLS.
//
//   node outside-issuer.mjs < configuration     one JSON line: {issuer, port, key, certificate, client, redirect}
//
// It prints `ready` once it listens, and ends with its standard input. Its people sign in without a password: what is
// tested is what Nexus makes of its answers.
import { once } from 'node:events';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const lines = createInterface({ input: process.stdin });
const given = JSON.parse((await once(lines, 'line'))[0]);

const provider = new Provider(given.issuer, {
  clients: [{
    client_id: given.client.id,
    client_secret: given.client.secret,
    redirect_uris: [given.redirect],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: given.client.algorithm,
    require_auth_time: true,
  }],
  acrValues: [given.acr],
  claims: { acr: null, auth_time: null, sid: null, iss: null, openid: ['sub', 'groups'] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false } },
  findAccount: async (context, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, groups: ['cardio'] }),
  }),
  interactions: { url: (context, interaction) => `/interaction/${interaction.uid}` },
  cookies: { keys: ['only for tests'] },
  jwks: given.jwks,
});
provider.on('server_error', (context, error) => console.error(error));

// Signing in is one request here: the account is named by a cookie, and everything is agreed to.
provider.use(async (context, next) => {
  if (!context.path.startsWith('/interaction/')) return next();
  const { prompt, params } = await provider.interactionDetails(context.req, context.res);
  const account = context.cookies.get('account');
  if (prompt.name === 'login') {
    return provider.interactionFinished(context.req, context.res, { login: { accountId: account, acr: given.acr } });
  }
  const grant = new provider.Grant({ accountId: account, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return provider.interactionFinished(context.req, context.res, { consent: { grantId: await grant.save() } });
});

const server = createServer({ key: given.key, cert: given.certificate }, provider.callback());
server.listen(given.port, '127.0.0.1', () => console.log('ready'));
lines.on('close', () => process.exit(0));

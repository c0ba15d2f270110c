// An OpenID provider for tests, which signs in whoever says who they are. Its port and the gateways' redirect addresses are its arguments.
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import Provider from 'oidc-provider';

const [port, secret, ...redirects] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

async function key(kid, alg, ...options) {
  const { privateKey } = await promisify(generateKeyPair)(...options);
  return { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

// Who somebody is follows from their name: "eve+unverified" has an address that nobody verified, "ada@victim" the address of victim.
function claims(id) {
  const [name, tag] = id.split('+');
  const [user, other] = name.split('@');
  return {
    sub: id, preferred_username: user, name: `${user} of Corp`,
    email: `${other ?? user}@corp.example`, email_verified: tag !== 'unverified',
  };
}

const client = (id, more) => ({
  client_id: id, redirect_uris: redirects, response_types: ['code'], grant_types: ['authorization_code'], ...more,
});

const provider = new Provider(issuer, {
  clients: [
    client('gateway', { client_secret: secret, id_token_signed_response_alg: 'ES256' }),
    client('public', { token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'RS256' }),
  ],
  jwks: { keys: [
    await key('e', 'ES256', 'ec', { namedCurve: 'P-256' }),
    await key('r', 'RS256', 'rsa', { modulusLength: 2048 }),
  ] },
  cookies: { keys: [secret] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => claims(id) }),
  features: { devInteractions: { enabled: true } },
});
const server = provider.listen(Number(port), '127.0.0.1', () => console.log('provider ready'));
process.on('SIGTERM', () => {
  server.closeAllConnections();
  server.close(() => process.exit(0));
});

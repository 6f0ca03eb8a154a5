// An OpenID provider on a free port of localhost: npm's oidc-provider with its own login pages, which take any password.
//
//     node oidc_provider.mjs FOLDER_WITH_NODE_MODULES CLIENT_ID CLIENT_SECRET
//
// Prints "READY ISSUER", and ends with its standard input.
import { createServer } from 'node:http';

const [folder, client_id, client_secret] = process.argv.slice(2);
const { default: Provider } = await import(`${folder}/node_modules/oidc-provider/lib/index.js`);

const server = createServer();
await new Promise((listening) => server.listen(0, 'localhost', listening));
const issuer = `http://localhost:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id,
    client_secret,
    // Of an installed application the provider takes any port of a loopback address.
    application_type: 'native',
    redirect_uris: ['http://127.0.0.1/sign-in/callback'],
    grant_types: ['authorization_code'],
    response_types: ['code'],
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  findAccount: (_, accountId) => ({
    accountId,
    claims: () => ({ sub: accountId, name: `Doctor ${accountId}`, email: `${accountId}@example.org`, email_verified: true }),
  }),
  cookies: { keys: [client_secret] },
  pkce: { required: () => true },
});
server.on('request', provider.callback());
process.stdout.write(`READY ${issuer}\n`);
process.stdin.resume().on('end', () => process.exit());

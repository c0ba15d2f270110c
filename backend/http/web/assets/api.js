// Calls to the server, and the session behind them.

export class Problem extends Error {
  constructor(status, title) {
    super(title);
    this.status = status;
  }
}

// call answers with the parsed body, or null where there is none. A 401 renews the session once and tries again.
export async function call(method, path, body) {
  let res = await send(method, path, body);
  if (res.status === 401) {
    await refresh();
    res = await send(method, path, body);
    if (res.status === 401) signIn();
  }
  if (!res.ok) throw await problemOf(res);
  if (path === '/auth/api/session') planFrom(res);
  return res.status === 204 ? null : res.json();
}

async function send(method, path, body) {
  const form = body instanceof FormData;
  const headers = { Accept: 'application/json' };
  if (body !== undefined && !form) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(path, {
      method, headers, cache: 'no-store', credentials: 'same-origin',
      body: body === undefined || form ? body : JSON.stringify(body),
    });
  } catch {
    throw new Problem(0, 'The server can’t be reached');
  }
}

async function problemOf(res) {
  let title = '';
  try {
    title = (await res.json()).title;
  } catch { /* not every answer on the way is ours */ }
  if (res.status === 429) {
    const wait = Number(res.headers.get('Retry-After'));
    title = wait ? `Too fast. Try again in ${wait} s` : 'Too fast. Try again in a moment';
  }
  return new Problem(res.status, typeof title === 'string' && title ? title : `The server answered ${res.status}`);
}

let refreshing = null;

// refresh renews the session, once for all who ask at the same time. Where it is over, the page goes to the login.
export function refresh() {
  refreshing ??= renew().finally(() => { refreshing = null; });
  return refreshing;
}

async function renew() {
  const res = await send('POST', '/auth/api/refresh', {});
  if (res.ok) {
    const body = await res.json().catch(() => ({}));
    plan(Number(body.expires_in) || 300);
    return;
  }
  if (res.status !== 429 && res.status < 500) signIn(); // a busy server is not the end of a session
  throw await problemOf(res);
}

export function signIn() {
  location.assign('/auth/login?return_to=/');
}

export async function signOut() {
  await send('POST', '/auth/api/logout', {}).catch(() => null);
  location.assign('/auth/login');
}

let timer = 0;
let due = Infinity;

// plan renews the session before it expires, so that the open socket lives on.
function plan(seconds) {
  const wait = Math.max(10, seconds - Math.min(75, seconds / 2)) * 1000;
  due = Date.now() + wait;
  clearTimeout(timer);
  timer = setTimeout(renewQuietly, wait);
}

function renewQuietly() {
  refresh().catch(() => plan(20));
}

// expires_at is on the server's clock: measure from the server's Date, since ours may be wrong.
async function planFrom(res) {
  const copy = res.clone();
  const { expires_at: at } = await copy.json().catch(() => ({}));
  const end = typeof at === 'number' ? at * 1000 : Date.parse(at);
  const now = Date.parse(res.headers.get('Date')) || Date.now();
  if (Number.isFinite(end)) plan((end - now) / 1000);
}

// Timers sleep with the machine.
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && Date.now() > due) renewQuietly();
});

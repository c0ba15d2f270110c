// Signing in with a passkey: by its button, or where the browser offers one as the name is typed.
import { Refused, send } from "./api.js";
import { onClick } from "./dom.js";
import { words } from "./texts.js";
import { ask, supported } from "./webauthn.js";

const fresh = 50000; // milliseconds: a challenge holds for a minute
const rounds = 10; // how often a page that is left open gets a new one by itself

async function give(take, extra) {
	const { passkey_token, options } = await send("POST", "passkey/begin", {});
	await take({ passkey_token, credential: await ask(options, extra) });
}

// passkeys works the button; take gets what the API wants of the login.
export async function passkeys(button, error, take) {
	if (!button || !supported()) return;
	button.hidden = false;
	let waiting = null;
	onClick(button, error, async () => {
		waiting?.abort();
		await give(take);
	});
	if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
	for (let i = 0; i < rounds; i++) {
		waiting = new AbortController();
		const over = setTimeout(() => waiting.abort(fresh), fresh);
		try {
			await give(take, { mediation: "conditional", signal: waiting.signal });
		} catch (e) {
			if (waiting.signal.reason !== fresh) {
				// The button took over, or the browser knows no passkey: that is no error. What the server refused is.
				if (e instanceof Refused && e.status === 401) error.textContent = words(e);
				return;
			}
		} finally {
			clearTimeout(over);
		}
	}
}

// Security keys and passkeys: the API's JSON to what browsers take, and back.
import { Refused } from "./api.js";

export const supported = () => Boolean(window.PublicKeyCredential && navigator.credentials);

const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

function encode(buffer) {
	let text = "";
	for (const b of new Uint8Array(buffer)) text += String.fromCharCode(b);
	return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const credentials = (list) => (list || []).map((c) => ({ ...c, id: decode(c.id) }));

// ask has the browser ask for a key that is known; extra are options of its own, as for how it asks.
export async function ask({ publicKey }, extra = {}) {
	const options = { ...publicKey, challenge: decode(publicKey.challenge), allowCredentials: credentials(publicKey.allowCredentials) };
	const c = await answered(navigator.credentials.get({ ...extra, publicKey: options }));
	return json(c, {
		clientDataJSON: encode(c.response.clientDataJSON),
		authenticatorData: encode(c.response.authenticatorData),
		signature: encode(c.response.signature),
		...(c.response.userHandle && { userHandle: encode(c.response.userHandle) }),
	});
}

// make has the browser make a new one.
export async function make({ publicKey }) {
	const options = {
		...publicKey, challenge: decode(publicKey.challenge), user: { ...publicKey.user, id: decode(publicKey.user.id) },
		excludeCredentials: credentials(publicKey.excludeCredentials),
	};
	const c = await answered(navigator.credentials.create({ publicKey: options }));
	return json(c, {
		clientDataJSON: encode(c.response.clientDataJSON),
		attestationObject: encode(c.response.attestationObject),
		transports: c.response.getTransports ? c.response.getTransports() : [],
	});
}

function json(c, response) {
	return {
		id: c.id, rawId: encode(c.rawId), type: c.type, response,
		...(c.authenticatorAttachment && { authenticatorAttachment: c.authenticatorAttachment }),
		clientExtensionResults: {},
	};
}

// answered turns what browsers throw into what the page can say; who gave up, or was too slow, is not told apart.
async function answered(promise) {
	try {
		return await promise;
	} catch (e) {
		if (e.name === "AbortError") throw e;
		const kind = { NotAllowedError: "key-cancelled", InvalidStateError: "key-known" }[e.name] || "key-failed";
		throw new Refused(-1, { type: kind }, 0);
	}
}

// The login: name and password or a passkey, then the second factor, or setting one up.
import "./plain.js";
import { Refused, leave, send } from "./api.js";
import { showCodes } from "./codes.js";
import { all, find, onClick, onSubmit } from "./dom.js";
import { totpEnrolment } from "./enrol.js";
import { code, factorForms } from "./factors.js";
import { passkeys } from "./passkey.js";
import { answer, begin } from "./provider.js";
import { show } from "./steps.js";
import { t, words, wordsOf } from "./texts.js";
import { ask, make, supported } from "./webauthn.js";

const page = find("main");
const go = () => leave(page.dataset.returnTo);
let ticket = "";

// next goes on from an answer to a login's step.
async function next(out, name) {
	if (out.status === "ok") return go();
	if (out.status === "password_expired") return leave("/auth/reset?why=age#" + out.token);
	ticket = out.mfa_token;
	for (const e of all("[data-who]", page)) e.textContent = name;
	if (out.status === "enrol_required") {
		for (const e of all("[data-choice]", page)) e.hidden = !out.factors.includes(e.dataset.choice) || (e.dataset.choice === "webauthn" && !supported());
		return show("enrol");
	}
	show("second", "");
	chooseFactor(out.factors);
}

// within sends a step of a login that has begun. One that took too long begins anew.
async function within(path, body) {
	try {
		return await send("POST", path, { mfa_token: ticket, ...body });
	} catch (e) {
		if (e.kind !== "session-ended") throw e;
		back();
		find("#password-error").textContent = words(e);
		throw new Refused(-1, { type: "session-ended" }, 0);
	}
}

function back() {
	ticket = "";
	show("password", "input");
}
for (const b of all("[data-back]", page)) b.addEventListener("click", back);

onSubmit(find("#password-form"), async (fields) => {
	const name = fields.username.value;
	const out = await send("POST", "login", { username: name, password: fields.password.value, ...(fields.remember?.checked && { remember: "true" }) });
	if (out.status !== "ok") fields.password.value = "";
	await next(out, name);
});

const remembered = () => (find("#remember-device")?.checked ? { remember_device: "true" } : {});

const chooseFactor = factorForms(find("[data-step=second]", page), {
	totp: async (text) => next(await within("mfa/totp", { code: code(text), ...remembered() })),
	recovery: async (text) => next(await within("mfa/recovery", { code: text.trim(), ...remembered() })),
	webauthn: async () => {
		const { options } = await within("mfa/webauthn/begin", {});
		await next(await within("mfa/webauthn", { credential: await ask(options), ...remembered() }));
	},
});

// Setting up the factor that a role must have. Then come recovery codes; where there are none to be had, it goes on without.
async function enrolled() {
	ticket = "";
	try {
		const { codes } = await send("POST", "account/recovery-codes", {});
		showCodes(find("[data-step=codes]", page), codes);
	} catch (e) {
		if (!(e instanceof Refused)) throw e;
		return go();
	}
	show("codes");
}

const showTOTP = totpEnrolment(find("[data-step=totp]", page), async (token, digits) => {
	await within("mfa/enrol/totp/confirm", { token, code: digits });
	await enrolled();
});
const enrolError = find("#enrol-error");
onClick(find("[data-add=totp]", page), enrolError, async () => {
	showTOTP(await within("mfa/enrol/totp", {}));
	show("totp");
});
onClick(find("[data-add=webauthn]", page), enrolError, async () => {
	const { options } = await within("mfa/enrol/webauthn/begin", {});
	await within("mfa/enrol/webauthn", { credential: await make(options), name: t("factor.key_name") });
	await enrolled();
});
find("[data-choose]", page).addEventListener("click", () => show("enrol"));
find("[data-done]", page).addEventListener("click", go);

const remember = () => (find("#password-form").elements.remember?.checked ? { remember: "true" } : {});
passkeys(find("#passkey"), find("#passkey-error"), async (answer) => next(await send("POST", "passkey", { ...answer, ...remember() })));

for (const a of all("[data-provider]", page)) a.addEventListener("click", begin);

// Back from a provider: the second factor is left to give, or it did not work.
function fromProvider({ status, mfa_token, factors, error }) {
	if (error) find("#password-error").textContent = wordsOf(error);
	if (status && mfa_token && factors) next({ status, mfa_token, factors: factors.split(",") }, t("login.your_account"));
	return Boolean(error || status);
}

// resume takes a browser back into the session it has. Not twice in a row: where its cookies don't hold, it would go on for ever.
async function resume() {
	const tried = Number(sessionStorage.getItem("gw-resumed"));
	if (!("resume" in page.dataset) || Date.now() - tried < 20000) return;
	sessionStorage.setItem("gw-resumed", String(Date.now()));
	show("resume");
	try {
		await send("POST", "refresh");
	} catch {
		show("password", "input");
		return;
	}
	await go();
}
if (!fromProvider(answer())) resume();

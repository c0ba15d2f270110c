// What the page says: the messages that came with it, in its language.
const messages = JSON.parse(document.getElementById("texts").textContent);
const language = document.documentElement.lang;

// t is a message with its {names} filled in. It is text: nothing may show it as markup.
export function t(key, names = {}) {
	const text = Object.hasOwn(messages, key) ? messages[key] : key;
	return text.replace(/\{([a-z_]+)\}/g, (all, name) => (Object.hasOwn(names, name) ? String(names[name]) : all));
}

export const has = (key) => Object.hasOwn(messages, key);

// many is the message of a number: key.one or key.other, as the language has it.
export function many(key, n) {
	const form = key + "." + new Intl.PluralRules(language).select(n);
	return t(has(form) ? form : key + ".other", { n: new Intl.NumberFormat(language).format(n) });
}

const day = new Intl.DateTimeFormat(language, { dateStyle: "long" });
const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const distance = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

const read = (stamp) => new Date(stamp);

// date and time write a stamp of the API; "" where it is none.
export const date = (stamp) => (isNaN(read(stamp)) ? "" : day.format(read(stamp)));
export const time = (stamp) => (isNaN(read(stamp)) ? "" : moment.format(read(stamp)));

// ago writes how long ago a stamp is: "5 minutes ago", "yesterday".
export function ago(stamp) {
	const seconds = (read(stamp) - Date.now()) / 1000;
	if (isNaN(seconds)) return "";
	for (const [unit, length] of [["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60]]) {
		if (Math.abs(seconds) >= length) return distance.format(Math.trunc(seconds / length), unit);
	}
	return distance.format(0, "second");
}

// country is the name of an ISO 3166 code; "" where there is none.
export function country(code) {
	if (!/^[A-Z]{2}$/.test(code || "")) return "";
	return new Intl.DisplayNames(language, { type: "region", fallback: "code" }).of(code);
}

function wait(seconds) {
	if (seconds <= 1) return t("common.wait_moment");
	if (seconds < 90) return t("common.wait_seconds", { n: seconds });
	return t("common.wait_minutes", { n: Math.ceil(seconds / 60) });
}

// words says what an answer that is not ok means for whoever reads the page, by the problem's type.
export function words(e) {
	if (e.status === 429) return t("error.rate-limited") + " " + wait(e.wait);
	if (e.kind === "weak-password" && has("error.weak-password." + e.weakness)) return t("error.weak-password." + e.weakness);
	if (e.kind === "busy") return t("error.busy") + " " + wait(e.wait);
	if (has("error." + e.kind) && e.kind !== "unavailable") return t("error." + e.kind);
	if (e.status === 0) return t("error.offline");
	if (e.status === 403) return t("error.refused");
	if (e.status >= 500) return t("error.unavailable") + " " + wait(e.wait);
	return t("error.other");
}

// wordsOf is the same for a problem that only its type is known of.
export const wordsOf = (kind) => words({ kind, status: 400 });

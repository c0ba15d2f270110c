// Where somebody is signed in, and the devices that are known.
import "./section.js";
import { leave, sendSignedIn } from "./api.js";
import { ask } from "./dialog.js";
import { find, onClick, tell } from "./dom.js";
import { fill, icon, loading } from "./list.js";
import { ago, country, date, t, time } from "./texts.js";

const icons = { phone: "phone", tablet: "phone", program: "robot" };

// nameOf says what a session's program is: "Firefox, Windows".
const nameOf = (s) => [s.browser, s.os].filter(Boolean).join(", ") || t("sessions.unknown");
const placeOf = (s) => [country(s.country), s.ip].filter(Boolean).join(" · ");

async function loadSessions() {
	const list = find("#session-list");
	await loading(list, find("#sessions-error"), async () => {
		const { sessions } = await sendSignedIn("GET", "account/sessions");
		sessions.sort((a, b) => b.current - a.current || b.used_at.localeCompare(a.used_at));
		fill(list, "#session-item", sessions, t("sessions.none"), (item, s) => {
			icon(item, icons[s.kind] || "devices");
			return {
				name: nameOf(s), place: placeOf(s), here: s.current && t("sessions.here"), kept: s.remembered && t("sessions.remembered"),
				about: t("sessions.about", { used: ago(s.used_at), since: time(s.created_at) }), end: () => end(s),
			};
		});
		find("#end-all").hidden = sessions.length < 2;
	});
}

async function end(s) {
	const text = s.current ? t("sessions.end_here") : t("sessions.end_text");
	const act = () => sendSignedIn("DELETE", "account/sessions/" + encodeURIComponent(s.id));
	if (!(await ask({ title: t("sessions.end_title", { name: nameOf(s) }), text, yes: t("sessions.end"), danger: true }, act))) return;
	if (s.current) await leave("/auth/login");
	await loadSessions();
	tell(t("sessions.ended"));
}

onClick(find("#end-all"), find("#sessions-error"), async () => {
	const act = () => sendSignedIn("DELETE", "account/sessions");
	if (!(await ask({ title: t("sessions.end_all"), text: t("sessions.end_all_text"), yes: t("sessions.end_all"), danger: true }, act))) return;
	await loadSessions();
	tell(t("sessions.ended_all"));
});

async function loadDevices() {
	const list = find("#device-list");
	await loading(list, find("#devices-error"), async () => {
		const { devices } = await sendSignedIn("GET", "account/devices");
		fill(list, "#device-item", devices, t("sessions.no_devices"), (item, d) => {
			icon(item, icons[d.kind] || "devices");
			return {
				name: nameOf(d), place: placeOf(d), here: d.current && t("sessions.this_device"), about: t("sessions.about", { used: ago(d.used_at), since: time(d.created_at) }),
				kept: d.trusted_until && t("sessions.trusted", { date: date(d.trusted_until) }), end: () => forget(d),
			};
		});
	});
}

async function forget(d) {
	const act = () => sendSignedIn("DELETE", "account/devices/" + encodeURIComponent(d.id));
	if (!(await ask({ title: t("sessions.forget_title", { name: nameOf(d) }), text: t("sessions.forget_text"), yes: t("sessions.forget"), danger: true }, act))) return;
	await loadDevices();
	tell(t("sessions.forgotten"));
}

await loadSessions();
await loadDevices();

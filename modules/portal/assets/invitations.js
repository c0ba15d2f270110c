// Invitations that can still be used.
import "./section.js";
import { sendSignedIn } from "./api.js";
import { showOnce } from "./codes.js";
import { ask, open } from "./dialog.js";
import { find, onClick, onSubmit, tell } from "./dom.js";
import { fill, icon, loading } from "./list.js";
import { date, many, t } from "./texts.js";

const list = find("#invitation-list");
const error = find("#invitations-error");

const load = () => loading(list, error, async () => {
	const { invitations } = await sendSignedIn("GET", "admin/invitations");
	fill(list, "#invitation-item", invitations, t("admin.no_invitations"), (item, i) => {
		icon(item, "mail");
		return {
			name: i.email || t("admin.by_link"), role: i.role, about: t("admin.invited_about", { date: date(i.created_at), until: date(i.expires_at) }), revoke: () => revoke(i),
		};
	});
});

async function revoke(i) {
	const act = () => sendSignedIn("DELETE", "admin/invitations/" + encodeURIComponent(i.id));
	if (!(await ask({ title: t("admin.revoke_title"), text: t("admin.revoke_text"), yes: t("tokens.revoke"), danger: true }, act))) return;
	await load();
	tell(t("admin.revoked"));
}

const dialog = find("#invite-dialog");
onClick(find("#invite"), error, async () => {
	find("#invite-form").reset();
	find("#invite-error").textContent = "";
	find("#invite-days").replaceChildren(...[1, 7, 30, 90].map((n) => new Option(many("tokens.days", n), n, n === 7, n === 7)));
	open(dialog);
	find("#invite-mail").focus();
});

onSubmit(find("#invite-form"), async (f) => {
	const email = f.email.value;
	const { link } = await sendSignedIn("POST", "admin/invitations", { role: f.role.value.trim(), expires_in_days: f.days.value, ...(email && { email }) });
	dialog.close();
	if (link) await showOnce(find("#link-dialog"), link);
	else tell(t("admin.invitation_mailed", { email }));
	await load();
});

load();

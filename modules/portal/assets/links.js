// Outside logins that are linked to the account.
import { leave, sendSignedIn } from "./api.js";
import { ask } from "./dialog.js";
import { all, find, onClick, tell } from "./dom.js";
import { fill, icon, loading } from "./list.js";
import { answer, begin } from "./provider.js";
import { ago, date, t, wordsOf } from "./texts.js";

const list = find("#link-list");

const load = () => loading(list, find("#links-error"), async () => {
	const { links } = await sendSignedIn("GET", "account/links");
	fill(list, "#link-item", links, t("security.no_links"), (item, l) => {
		icon(item, "link");
		const used = l.used_at ? t("common.used", { ago: ago(l.used_at) }) : t("common.never_used");
		return { name: l.name, label: l.label, about: [t("common.added", { date: date(l.created_at) }), used].join(" · "), unlink: () => unlink(l) };
	});
	for (const b of all("[data-link]")) b.hidden = links.some((l) => l.provider === b.dataset.link);
});

async function unlink(l) {
	const act = () => sendSignedIn("DELETE", "account/links/" + encodeURIComponent(l.id));
	if (!(await ask({ title: t("security.unlink_title", { name: l.name }), text: t("security.unlink_text"), yes: t("common.remove"), danger: true }, act))) return;
	await load();
	tell(t("security.unlinked"));
}

if (list) {
	for (const b of all("[data-link]")) {
		onClick(b, find("#links-error"), async () => {
			const { url } = await sendSignedIn("POST", "account/links", { provider: b.dataset.link, return_to: location.pathname });
			begin();
			await leave(url);
		});
	}
	const back = answer();
	if (back.linked !== undefined) tell(t("security.linked"));
	if (back.error) find("#links-error").textContent = wordsOf(back.error);
	load();
}

// What every page has: signing out, choosing the language, showing passwords, dates.
import { leave, send } from "./api.js";
import { all, find, tell } from "./dom.js";
import { date } from "./texts.js";

for (const button of all(".reveal")) {
	const field = document.getElementById(button.getAttribute("aria-controls"));
	button.addEventListener("click", () => {
		const shown = field.type === "password";
		field.type = shown ? "text" : "password";
		button.setAttribute("aria-pressed", String(shown));
	});
	// Sent hidden: else the browser may keep it among the texts that it offers.
	field.form.addEventListener("submit", () => {
		field.type = "password";
		button.setAttribute("aria-pressed", "false");
	});
}

for (const button of all("[data-sign-out]")) {
	button.addEventListener("click", async () => {
		button.disabled = true;
		await send("POST", "logout").catch(() => {});
		leave("/auth/login");
	});
	button.disabled = false; // until now a click would have done nothing
}

for (const button of all("[data-language]")) {
	button.addEventListener("click", async () => {
		await send("POST", "language", { language: button.dataset.language }).catch(() => {});
		location.reload();
	});
}

for (const e of all("[data-date]")) e.textContent = date(e.dataset.date);

const news = sessionStorage.getItem("gw-flash");
sessionStorage.removeItem("gw-flash");
if (news && find("#flash")) tell(news);

// On a phone the navigation scrolls: to where the page is.
find(".sections [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// A page out of the browser's memory may show who was signed in before.
addEventListener("pageshow", (event) => {
	if (event.persisted) location.reload();
});

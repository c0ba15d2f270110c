// Actions ask in a dialog, with the form of the page that asks without a script. Its markup is read by the browser's own parser and moved over:
// none is made of text.
const dialog = document.querySelector("#ask");

document.addEventListener("click", (event) => {
	const link = event.target.closest("a[data-ask]");
	if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
	event.preventDefault();
	link.setAttribute("aria-busy", "true");
	load(link.href)
		.then(show)
		.catch(() => location.assign(link.href)) // the page itself says what is wrong
		.finally(() => link.removeAttribute("aria-busy"));
});

function load(address) {
	return new Promise((done, failed) => {
		const request = new XMLHttpRequest();
		request.responseType = "document";
		request.open("GET", address);
		request.setRequestHeader("Accept", "text/html");
		request.addEventListener("load", () => {
			const form = request.status === 200 && request.response?.querySelector("form.ask");
			if (form) done(form);
			else failed();
		});
		request.addEventListener("error", failed);
		request.send();
	});
}

function show(form) {
	const title = document.createElement("h2");
	title.id = "ask-title";
	title.tabIndex = -1;
	title.textContent = form.dataset.title;
	dialog.replaceChildren(title, document.importNode(form, true));
	dialog.querySelector("[data-close]").addEventListener("click", (event) => {
		event.preventDefault();
		dialog.close();
	});
	dialog.querySelector("form").addEventListener("submit", () => { dialog.querySelector("button[type=submit]").disabled = true; });
	dialog.showModal();
	(dialog.querySelector("label + :is(input, select, textarea)") ?? title).focus();
}

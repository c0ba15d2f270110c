// The login and account pages: they talk to /auth/api as any program does. The pages work for screen readers and keyboards:
// errors are announced, focus goes to what comes next.
(() => {
	"use strict";

	const find = (selector, root = document) => root.querySelector(selector);
	const all = (selector, root = document) => root.querySelectorAll(selector);

	// Refused is an answer that is not ok; kind is the problem's type.
	class Refused extends Error {
		constructor(status, problem, wait) {
			super(problem.title || "refused");
			this.status = status;
			this.kind = String(problem.type || "").replace("urn:gateway:problem:", "");
			this.reason = problem.reason;
			this.wait = wait;
		}
	}

	async function send(method, path, body) {
		const options = { method, credentials: "same-origin", cache: "no-store", redirect: "error", headers: { Accept: "application/json" } };
		if (body) {
			options.headers["Content-Type"] = "application/json";
			options.body = JSON.stringify(body);
		}
		let answer;
		try {
			answer = await fetch("/auth/api/" + path, options);
		} catch {
			throw new Refused(0, {}, 0);
		}
		if (answer.ok) return answer.status === 204 ? {} : answer.json();
		const problem = await answer.json().catch(() => ({}));
		throw new Refused(answer.status, problem, Number(answer.headers.get("Retry-After")) || 0);
	}

	const here = () => encodeURIComponent(location.pathname + location.search);

	// sendSignedIn refreshes the access token once where it has expired, and asks for the login where that fails too.
	async function sendSignedIn(method, path, body) {
		try {
			return await send(method, path, body);
		} catch (e) {
			if (e.kind === "step-up-required") return leave("/auth/mfa?return_to=" + here());
			if (e.kind !== "unauthenticated") throw e;
		}
		try {
			await send("POST", "refresh");
		} catch (e) {
			if (e.status === 401) return leave("/auth/login?return_to=" + here());
			throw e;
		}
		return send(method, path, body);
	}

	// leave goes to another page; what awaits it never goes on.
	function leave(to) {
		location.assign(to);
		return new Promise(() => {});
	}

	function wait(seconds) {
		if (seconds <= 1) return "Please wait a moment and try again.";
		if (seconds < 90) return `Please wait ${seconds} seconds and try again.`;
		return `Please wait ${Math.ceil(seconds / 60)} minutes and try again.`;
	}

	function words(e) {
		switch (e.kind) {
		case "wrong-credentials": return "The user name or the password is wrong.";
		case "wrong-code": return "This code is wrong or was used before. Wait for the next one and try again.";
		case "session-ended": return "That took too long. Please sign in again.";
		case "weak-password": return e.reason || "This password is too weak.";
		case "second-factor-exists": return "The second factor is on already. Load the page again.";
		case "no-second-factor": return "This account has no second factor. Load the page again.";
		case "cross-site": return "The request was refused. Open this page by itself and try again.";
		}
		if (e.status === 429) return "Too many tries. " + wait(e.wait);
		if (e.status === 0) return "The server can’t be reached. Check your connection and try again.";
		if (e.status === 403) return "The request was refused.";
		if (e.status >= 500) return "That did not work just now. " + wait(e.wait);
		return "That did not work. Check what you typed and try again.";
	}

	// onSubmit runs act when the form is sent, and shows what went wrong beside the field that it names.
	function onSubmit(form, act) {
		if (!form) return;
		const button = find("button[type=submit]", form);
		const error = find(".error", form);
		const fields = all("input:not(.away)", form);
		button.disabled = false;
		form.addEventListener("submit", async (event) => {
			event.preventDefault();
			if (button.disabled) return;
			button.disabled = true;
			error.textContent = "";
			for (const f of fields) f.removeAttribute("aria-invalid");
			try {
				await act(form.elements);
			} catch (e) {
				if (!(e instanceof Refused)) throw e;
				error.textContent = words(e);
				const last = fields[fields.length - 1];
				if (e.status === 401 || e.status === 422) last.setAttribute("aria-invalid", "true");
				last.focus();
				last.select();
			} finally {
				button.disabled = false;
			}
		});
	}

	const digits = (field) => field.value.replace(/\s/g, "");

	for (const button of all(".reveal")) {
		const field = document.getElementById(button.getAttribute("aria-controls"));
		button.addEventListener("click", () => {
			const shown = field.type === "password";
			field.type = shown ? "text" : "password";
			button.setAttribute("aria-pressed", String(shown));
		});
	}

	for (const button of all("[data-sign-out]")) {
		button.addEventListener("click", async () => {
			button.disabled = true;
			await send("POST", "logout").catch(() => {});
			leave("/auth/login");
		});
	}

	// A page out of the browser's memory may show who was signed in before.
	addEventListener("pageshow", (event) => {
		if (event.persisted) location.reload();
	});

	function loginPage(page) {
		const go = () => leave(page.dataset.returnTo);
		const title = document.title;
		let ticket = "";

		function show(step) {
			for (const s of all("[data-step]", page)) s.hidden = s.dataset.step !== step;
			const now = find(`[data-step=${step}]`, page);
			const heading = find("h1", now);
			document.title = title.replace(/^.* · /, heading.textContent + " · ");
			(find("input", now) || heading).focus();
		}

		onSubmit(find("#password-form"), async (fields) => {
			const out = await send("POST", "login", { username: fields.username.value, password: fields.password.value });
			if (out.status !== "mfa_required") return go();
			ticket = out.mfa_token;
			find("[data-who]", page).textContent = fields.username.value;
			fields.password.value = "";
			show("code");
		});

		onSubmit(find("#code-form"), async (fields) => {
			try {
				await send("POST", "mfa/totp", { mfa_token: ticket, code: digits(fields.code) });
			} catch (e) {
				fields.code.value = "";
				if (e.kind !== "session-ended") throw e;
				show("password");
				find("#password-error").textContent = words(e);
				return;
			}
			await go();
		});

		find("[data-back]", page).addEventListener("click", () => {
			ticket = "";
			find("#login-code").value = "";
			show("password");
		});

		resume(page, show, go);
	}

	// resume takes a browser back into the session it has. Not twice in a row: where its cookies don't hold, it would go on for ever.
	async function resume(page, show, go) {
		const tried = Number(sessionStorage.getItem("gw-resumed"));
		if (!("resume" in page.dataset) || Date.now() - tried < 20000) return;
		sessionStorage.setItem("gw-resumed", String(Date.now()));
		show("resume");
		try {
			await send("POST", "refresh");
		} catch {
			show("password");
			return;
		}
		await go();
	}

	function stepUpPage(page) {
		onSubmit(find("#stepup-form"), async (fields) => {
			await sendSignedIn("POST", "stepup/totp", { code: digits(fields.code) });
			await leave(page.dataset.returnTo);
		});
		find("#stepup-code").focus();
	}

	function accountPage() {
		const flash = find("#flash");
		const news = sessionStorage.getItem("gw-flash");
		sessionStorage.removeItem("gw-flash");
		function tell(text) {
			flash.textContent = text;
			flash.hidden = false;
		}
		if (news) tell(news);
		function reload(text) {
			sessionStorage.setItem("gw-flash", text);
			location.reload();
			return new Promise(() => {});
		}

		onSubmit(find("#change-form"), async (fields) => {
			await sendSignedIn("POST", "account/password", { old: fields.old.value, new: fields.new.value });
			fields.old.value = fields.new.value = "";
			tell("Your password is changed.");
			flash.scrollIntoView({ block: "nearest" });
		});
		onSubmit(find("#remove-form"), async (fields) => {
			await sendSignedIn("DELETE", "account/totp", { code: digits(fields.code) });
			await reload("The second factor is off.");
		});
		enrolment(reload);
	}

	function enrolment(reload) {
		const start = find("#enrol");
		if (!start) return;
		let token = "";
		start.disabled = false;
		start.addEventListener("click", async () => {
			const error = find("#enrol-error");
			start.disabled = true;
			error.textContent = "";
			try {
				const out = await sendSignedIn("POST", "account/totp");
				token = out.token;
				find("#enrol-qr").src = out.qr;
				find("#enrol-uri").href = out.uri;
				find("#enrol-secret").textContent = out.secret.replace(/(.{4})(?=.)/g, "$1 ");
				find("#enrol-start").hidden = true;
				find("#enrol-panel").hidden = false;
				find("#enrol-scan").focus();
			} catch (e) {
				if (!(e instanceof Refused)) throw e;
				error.textContent = words(e);
				start.disabled = false;
				start.focus();
			}
		});
		onSubmit(find("#confirm-form"), async (fields) => {
			await sendSignedIn("POST", "account/totp/confirm", { token, code: digits(fields.code) });
			await reload("The second factor is on.");
		});
	}

	const pages = { login: loginPage, stepup: stepUpPage, account: accountPage };
	const main = find("main");
	if (pages[main.id]) pages[main.id](main);
})();

// Secrets of mailed links stand behind the #, which browsers send to no server. They are taken off the address, so that nobody who looks on, and no bookmark, has them.

// secret takes the page's secret: from its address, or one that was kept for it over a login.
export function secret() {
	const kept = sessionStorage.getItem("gw-secret " + location.pathname);
	sessionStorage.removeItem("gw-secret " + location.pathname);
	const given = location.hash.slice(1);
	if (given) history.replaceState(null, "", location.pathname + location.search);
	return given || kept || "";
}

// The page may be open already where a link leads to it.
addEventListener("hashchange", () => location.hash && location.reload());

export const keep = (value) => sessionStorage.setItem("gw-secret " + location.pathname, value);

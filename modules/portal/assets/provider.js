// Coming back from an outside provider: what the gateway has to say stands behind the #. It counts only in a tab that went to a provider, so that
// nobody can be led to end, with a link, a login that somebody else began.
const mark = "gw-provider";

export const begin = () => sessionStorage.setItem(mark, "1");

export function answer() {
	const went = sessionStorage.getItem(mark);
	sessionStorage.removeItem(mark);
	if (!location.hash) return {};
	const said = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
	history.replaceState(null, "", location.pathname + location.search);
	return went ? said : {};
}

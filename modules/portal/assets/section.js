// What the account's pages have besides: a factor that is asked for is given in a dialog.
import "./plain.js";
import { inDialog } from "./stepup.js";

inDialog();

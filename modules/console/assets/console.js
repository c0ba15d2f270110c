// What the console's pages do with a script: all of it can be done without, too.
import "./ask.js";
import "./copy.js";
import "./live.js";

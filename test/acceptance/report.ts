/**
 * The report of an acceptance run.
 *
 *     jiti test/acceptance/report.ts RESULTS.json
 */
import { report } from "../report.ts";
import { accelerators } from "./machines.ts";

console.log(report(process.argv[2] ?? "", `, machines by ${accelerators()[0]}`));

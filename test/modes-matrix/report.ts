/**
 * The report of a run of the modes.
 *
 *     jiti test/modes-matrix/report.ts RESULTS.json
 */
import { report } from "../report.ts";

console.log(report(process.argv[2] ?? "", ", everything on this machine"));

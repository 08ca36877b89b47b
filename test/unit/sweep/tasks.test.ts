import { describe, expect, it } from "vitest";
import {
  array,
  grid,
  mapOverLines,
  mapOverValues,
  ntasks,
  type Tasks,
  taskNumbers,
} from "../../../sweep/tasks.ts";

const inputs = ({ tasks }: Tasks) => tasks.map(({ input }) => input);
const ids = ({ tasks }: Tasks) => tasks.map(({ id }) => id);

describe("the tasks of a sweep", () => {
  it("are one for each value, without the blanks around it", () => {
    expect(inputs(mapOverValues("0.1, 0.05,\t0.01"))).toEqual(["0.1", "0.05", "0.01"]);
    expect(inputs(mapOverLines("a, b\n\n  c\r\n", "values").tasks)).toEqual(["a, b", "c"]);
  });

  it.each([
    [() => mapOverValues(""), "values with commas"],
    [() => mapOverValues("1,,2"), "no empty value"],
    [() => mapOverValues("1,2,"), "no empty value"],
    [() => mapOverValues("a\u0007,b"), "without tabs and other control characters"],
    [() => mapOverLines("\n \n", "values"), "a value on each line"],
    [() => mapOverLines("x\n".repeat(10_001), "values"), "at most 10000 values, not 10001"],
    [() => ntasks("0"), "from 1 to 10000"],
    [() => ntasks("3.5"), "from 1 to 10000"],
    [() => array("9-0"), "ranges such as 0-9"],
    [() => array("0-9:0"), "ranges such as 0-9"],
    [() => array("0-3%0"), "ranges such as 0-9"],
    [() => array("0-3,2"), "2 is there twice"],
    [() => array("0-999999999"), "at most 10000 tasks"],
    [() => grid(["lr"]), "axes such as lr=0.1,0.01"],
    [() => grid(["lr=1", "LR=2"]), "lr is there twice"],
    [() => grid(["index=1"]), "other names than"],
    [() => grid(["Node=1"]), "node"],
    [() => grid(["sidecar_5000=1"]), "sidecar_5000"],
    [() => grid(["a=1,", "b=2"]), "no empty value"],
    [() => taskNumbers("2,x"), "such as 2,5-7"],
  ])("are refused with what is allowed: %s", (read, allowed) => {
    expect(read).toThrow(allowed);
  });

  it("of an array have its numbers, steps and workers, as Slurm has them", () => {
    expect(array("0-9:3%2")).toMatchObject({ maxWorkers: 2 });
    expect(ids(array("0-9:3%2"))).toEqual([0, 3, 6, 9]);
    expect(ids(array("1,3,5-7"))).toEqual([1, 3, 5, 6, 7]);
    expect(inputs(array("5-6"))).toEqual(["5", "6"]);
    expect(ids(ntasks("3"))).toEqual([0, 1, 2]);
    expect(taskNumbers("2,5-7")).toEqual([2, 5, 6, 7]);
    expect(taskNumbers("3,3,2-4")).toEqual([3, 2, 4]);
  });

  it("have between their values what is asked for", () => {
    expect(inputs(mapOverValues("a,b; c", ";"))).toEqual(["a,b", "c"]);
    expect(() => mapOverValues("a;;b", ";")).toThrow('no empty value between two ";"');
    expect(inputs(mapOverLines("a b;\nc;\n", "values", ";").tasks)).toEqual(["a b", "c"]);
  });

  it("of a file are refused by the lines that they are in", () => {
    expect(mapOverLines("a\n\nb\tc\r\n d\u0007\n", "values").problems).toEqual([
      'values:3: found "b\\tc"; expected a value without tabs and other control characters',
      'values:4: found "d\\u0007"; expected a value without tabs and other control characters',
    ]);
    const [problem] = mapOverLines("a;\n\n\nb\tc;", "values", ";").problems;
    expect(problem).toMatch(/^values:4: found/);
  });

  it("of a grid are all combinations", () => {
    const { tasks, axes } = grid(["lr=0.1,0.01", "bs=32, 64"]);
    expect(axes).toEqual(["lr", "bs"]);
    expect(tasks.map(({ parameters }) => parameters)).toEqual([
      ["0.1", "32"],
      ["0.1", "64"],
      ["0.01", "32"],
      ["0.01", "64"],
    ]);
    expect(tasks[1]).toMatchObject({ id: 1, input: "lr=0.1 bs=64" });
  });
});

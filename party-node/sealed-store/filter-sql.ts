import { fail, isFieldValue, shown } from "./check.ts";
import { sealedStoreLimits as limits } from "./limits.ts";
import type { FieldValue, Filter, FilterableField } from "./sealed-store.ts";

/** The column of a collection's field: numbered, so that no name from outside is ever part of SQL. */
export function fieldColumn(index: number): string {
  return `field_${index.toString()}`;
}

/** A condition for WHERE, and the values of its parameters. */
export interface SqlCondition {
  readonly sql: string;
  readonly values: readonly FieldValue[];
}

const OPERATORS = new Map([
  ["eq", "="],
  ["lt", "<"],
  ["lte", "<="],
  ["gt", ">"],
  ["gte", ">="],
]);

/**
 * Turns a filter into SQL that holds column numbers, operators and parameters, nothing of the filter's own text. A row without a value in a field
 * matches no condition on it.
 *
 * @param placeholder - The n-th parameter, counted from 1, as the database writes it.
 * @throws Fault FILTER_INVALID for what it does not know or cannot compare.
 */
export function filterSql(
  filter: Filter,
  fields: readonly FilterableField[],
  placeholder: (n: number) => string,
): SqlCondition {
  const values: FieldValue[] = [];
  const bind = (value: FieldValue): string => placeholder(values.push(value));
  const names = Object.keys(filter);
  if (names.length === 0) refuse("it has no condition; leave it out to search all rows");
  const conditions = names.flatMap((name) => {
    const index = fields.findIndex((field) => field.name === name);
    const field = fields[index];
    if (!field) return refuse(`${shown(name)} is not one of the collection's filterable fields`);
    const operators = Object.entries(filter[name] ?? {}) as [string, unknown][];
    if (operators.length === 0) refuse(`${shown(name)} has no condition`);
    return operators.map(([operator, operand]) => {
      const operands = checkOperands(operator, operand, field);
      const bound = operands.map(bind);
      return operator === "in"
        ? `${fieldColumn(index)} IN (${bound.join(", ")})`
        : `${fieldColumn(index)} ${OPERATORS.get(operator) ?? ""} ${bound.join("")}`;
    });
  });
  return { sql: conditions.join(" AND "), values };
}

function checkOperands(operator: string, operand: unknown, { name, type }: FilterableField): readonly FieldValue[] {
  if (operator !== "in" && !OPERATORS.has(operator)) refuse(`${shown(operator)} is not an operator`);
  if (type === "string" && operator !== "in" && operator !== "eq")
    refuse(`${shown(name)} is a text, which has no order`);
  const operands: readonly unknown[] = operator !== "in" ? [operand] : Array.isArray(operand) ? operand : [];
  if (operands.length === 0 || operands.length > limits.filterValuesMax)
    refuse(`"in" takes a list of 1 to ${limits.filterValuesMax.toString()} values`);
  return operands.map((value) =>
    isFieldValue(value, type) ? value : refuse(`${shown(name)} is compared with something that is no ${type}`),
  );
}

function refuse(what: string): never {
  return fail("FILTER_INVALID", `The filter cannot be used: ${what}.`);
}

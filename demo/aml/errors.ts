/** The one error of reading demonstration data: names file, line and what is wrong, never a value from a row. */

/** A folder that does not have the expected layout. */
export class AmlDataError extends Error {
  readonly code = 'AML_DATA_INVALID';
  readonly file: string;
  readonly line: number | undefined;

  constructor(file: string, line: number | undefined, problem: string, cause?: unknown) {
    super(`${file}${line === undefined ? '' : `, line ${line}`}: ${problem}.`, { cause });
    this.file = file;
    this.line = line;
  }
}

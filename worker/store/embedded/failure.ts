/** An answer of S3 that is an error: HTTP status, S3's code, text. */
export class S3Failure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export const refuse = (status: number, code: string, message: string): never => {
  throw new S3Failure(status, code, message);
};

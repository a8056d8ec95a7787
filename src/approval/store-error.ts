/** The store of approvals cannot be read or written. Whoever meets it refuses: without a store there is no grant. */
export class ApprovalStoreError extends Error {
  constructor(problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.name = 'ApprovalStoreError';
  }
}

/** The store is out of reach for now; it may be worth waiting for. */
export class ApprovalsUnreachableError extends ApprovalStoreError {
  constructor(problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.name = 'ApprovalsUnreachableError';
  }
}

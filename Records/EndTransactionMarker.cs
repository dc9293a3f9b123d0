namespace OrleansLog.Records;

/// <summary>What a control record says about its producer's transaction.</summary>
/// <param name="IsCommit">Whether the transaction is committed; otherwise it is aborted.</param>
/// <param name="CoordinatorEpoch">Epoch of the transaction coordinator that decided, so that a deposed one is refused.</param>
public readonly record struct EndTransactionMarker(bool IsCommit, int CoordinatorEpoch);

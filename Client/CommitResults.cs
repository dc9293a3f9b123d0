using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>Reads the outcome of an offset commit.</summary>
internal static class CommitResults
{
    public static void ThrowOnError(string groupId, IReadOnlyList<OffsetCommitResult> results)
    {
        foreach (var result in results)
        {
            if (result.Error != ErrorCode.None)
                throw new OrleansLogException(
                    result.Error, $"Group '{groupId}' did not commit the offset of {result.Partition}: {result.Error}.");
        }
    }
}

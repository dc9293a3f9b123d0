using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>Copies of an error that is given to many callers: one instance thrown by many threads would mix their stacks.</summary>
internal static class ExceptionCopies
{
    public static OrleansLogException Renewed(this OrleansLogException error) =>
        new(error.Error, error.Message, error.InnerException) { RefusedRecords = error.RefusedRecords };
}

namespace OrleansLog.Records;

/// <summary>
/// The one exception that OrleansLog gives for a request it refuses or cannot carry out. Its message names the thing, the
/// value and the bound; its <see cref="Error"/> is Kafka's code for the case.
/// </summary>
public sealed class OrleansLogException : Exception
{
    /// <summary>Makes an exception with the code <see cref="ErrorCode.UnknownServerError"/>.</summary>
    public OrleansLogException() : this(ErrorCode.UnknownServerError, "An unknown error occurred.") { }

    /// <summary>Makes an exception with the code <see cref="ErrorCode.UnknownServerError"/>.</summary>
    public OrleansLogException(string message) : this(ErrorCode.UnknownServerError, message) { }

    /// <summary>Makes an exception with the code <see cref="ErrorCode.UnknownServerError"/>.</summary>
    public OrleansLogException(string message, Exception innerException)
        : this(ErrorCode.UnknownServerError, message, innerException) { }

    /// <summary>Makes an exception with a code and a message for people.</summary>
    public OrleansLogException(ErrorCode error, string message, Exception? innerException = null)
        : base(message, innerException) => Error = error;

    /// <summary>Kafka's code for the error; never <see cref="ErrorCode.None"/>.</summary>
    public ErrorCode Error { get; }

    /// <summary>
    /// The positions in their batch of the records that it was refused for, ascending; empty if it is not for single records. Of very
    /// many only the first are named.
    /// </summary>
    public IReadOnlyList<int> RefusedRecords { get; init; } = [];

    /// <summary>Whether the same request may succeed later without being changed.</summary>
    public bool IsRetriable => Error.IsRetriable();
}

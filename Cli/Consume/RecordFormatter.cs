using OrleansLog.Cli.Input;
using OrleansLog.Client;

namespace OrleansLog.Cli.Consume;

/// <summary>Writes records in one of the output formats.</summary>
internal abstract class RecordFormatter
{
    /// <summary>Appends a record.</summary>
    public abstract void Write(in ConsumerRecord<NullableBytes, NullableBytes> record, OutputBuffer output);
}

/// <summary>What of a record is written besides its value.</summary>
[Flags]
internal enum PrintedFields
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The topic.</summary>
    Topic = 1,

    /// <summary>The partition's number.</summary>
    Partition = 2,

    /// <summary>The offset.</summary>
    Offset = 4,

    /// <summary>Milliseconds since the Unix epoch.</summary>
    Timestamp = 8,

    /// <summary>The headers.</summary>
    Headers = 16,

    /// <summary>The key.</summary>
    Key = 32,
}

using OrleansLog.Cli.Input;
using OrleansLog.Client;

namespace OrleansLog.Cli.Consume;

/// <summary>The values' bytes one after the other, with nothing between them; a null value is nothing.</summary>
internal sealed class RawFormatter : RecordFormatter
{
    /// <inheritdoc/>
    public override void Write(in ConsumerRecord<NullableBytes, NullableBytes> record, OutputBuffer output) =>
        output.Append(record.Value.Memory.Span);
}

using System.Text;
using OrleansLog.Cli.Input;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Cli.Consume;

/// <summary>
/// A line a record: the fields asked for in a fixed order (topic, partition, offset, timestamp, headers, key, value) with a
/// separator between them. Keys and values go out as the bytes they are, or as hexadecimal digits.
/// </summary>
/// <param name="fields">What stands before the value.</param>
/// <param name="separator">What stands between the fields.</param>
/// <param name="nullMarker">What stands for a null key or value.</param>
/// <param name="hex">Whether keys, values and header values are written as hexadecimal digits.</param>
internal sealed class TextFormatter(PrintedFields fields, byte[] separator, byte[] nullMarker, bool hex) : RecordFormatter
{
    /// <inheritdoc/>
    public override void Write(in ConsumerRecord<NullableBytes, NullableBytes> record, OutputBuffer output)
    {
        if (fields != PrintedFields.None)
            WriteFields(record, output);
        WriteBytes(record.Value, output);
        output.Append((byte)'\n');
    }

    private void WriteFields(in ConsumerRecord<NullableBytes, NullableBytes> record, OutputBuffer output)
    {
        if (fields.HasFlag(PrintedFields.Topic))
        {
            Encoding.UTF8.GetBytes(record.Topic, output);
            output.Append(separator);
        }

        if (fields.HasFlag(PrintedFields.Partition))
            WriteNumber(record.Partition, output);
        if (fields.HasFlag(PrintedFields.Offset))
            WriteNumber(record.Offset, output);
        if (fields.HasFlag(PrintedFields.Timestamp))
            WriteNumber(record.TimestampMs, output);
        if (fields.HasFlag(PrintedFields.Headers))
        {
            WriteHeaders(record.Headers, output);
            output.Append(separator);
        }

        if (fields.HasFlag(PrintedFields.Key))
        {
            WriteBytes(record.Key, output);
            output.Append(separator);
        }
    }

    private void WriteNumber(long number, OutputBuffer output)
    {
        output.Append(number);
        output.Append(separator);
    }

    private void WriteHeaders(IReadOnlyList<RecordHeader> headers, OutputBuffer output)
    {
        for (var i = 0; i < headers.Count; i++)
        {
            if (i > 0)
                output.Append((byte)',');
            Encoding.UTF8.GetBytes(headers[i].Key, output);
            output.Append((byte)'=');
            WriteBytes(new NullableBytes(headers[i].Value, headers[i].HasValue), output);
        }
    }

    private void WriteBytes(NullableBytes bytes, OutputBuffer output)
    {
        if (!bytes.HasValue)
        {
            output.Append(nullMarker);
            return;
        }

        var span = bytes.Memory.Span;
        if (!hex)
        {
            output.Append(span);
            return;
        }

        Convert.TryToHexStringLower(span, output.GetSpan(span.Length * 2), out var written);
        output.Advance(written);
    }
}

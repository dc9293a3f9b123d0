using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;
using OrleansLog.Cli.Input;
using OrleansLog.Cli.Rendering;
using OrleansLog.Client;

namespace OrleansLog.Cli.Consume;

/// <summary>
/// A JSON object a record, on a line of its own. A key or value that is UTF-8 is a string (<c>key</c>, <c>value</c>), a null is
/// null, and any other bytes are Base64 under another name (<c>keyBase64</c>, <c>valueBase64</c>), so that nothing is lost.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The writer is given its output anew for each record and holds nothing else.")]
internal sealed class JsonFormatter : RecordFormatter
{
    private static readonly Names KeyNames = new("key");
    private static readonly Names ValueNames = new("value");
    private static readonly JsonEncodedText Topic = JsonEncodedText.Encode("topic");
    private static readonly JsonEncodedText Partition = JsonEncodedText.Encode("partition");
    private static readonly JsonEncodedText Offset = JsonEncodedText.Encode("offset");
    private static readonly JsonEncodedText TimestampMs = JsonEncodedText.Encode("timestampMs");
    private static readonly JsonEncodedText Headers = JsonEncodedText.Encode("headers");
    private readonly Utf8JsonWriter _json = new(new ArrayBufferWriter<byte>(), JsonOutput.Options(indented: false));

    /// <inheritdoc/>
    public override void Write(in ConsumerRecord<NullableBytes, NullableBytes> record, OutputBuffer output)
    {
        _json.Reset(output);
        _json.WriteStartObject();
        _json.WriteString(Topic, record.Topic);
        _json.WriteNumber(Partition, record.Partition);
        _json.WriteNumber(Offset, record.Offset);
        _json.WriteNumber(TimestampMs, record.TimestampMs);
        if (record.Headers.Count > 0)
        {
            _json.WriteStartArray(Headers);
            foreach (var header in record.Headers)
            {
                _json.WriteStartObject();
                _json.WriteString(KeyNames.Text, header.Key);
                WriteBytes(ValueNames, new NullableBytes(header.Value, header.HasValue));
                _json.WriteEndObject();
            }

            _json.WriteEndArray();
        }

        WriteBytes(KeyNames, record.Key);
        WriteBytes(ValueNames, record.Value);
        _json.WriteEndObject();
        _json.Flush();
        output.Append((byte)'\n');
    }

    private void WriteBytes(in Names names, NullableBytes bytes)
    {
        if (!bytes.HasValue)
            _json.WriteNull(names.Text);
        else if (Utf8.IsValid(bytes.Memory.Span))
            _json.WriteString(names.Text, bytes.Memory.Span);
        else
            _json.WriteBase64String(names.Base64, bytes.Memory.Span);
    }

    private readonly struct Names(string name)
    {
        public JsonEncodedText Text { get; } = JsonEncodedText.Encode(name);

        public JsonEncodedText Base64 { get; } = JsonEncodedText.Encode(name + "Base64");
    }
}

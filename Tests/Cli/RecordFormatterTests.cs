using System.Text;
using OrleansLog.Cli.Consume;
using OrleansLog.Cli.Input;
using OrleansLog.Client;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Cli;

public sealed class RecordFormatterTests
{
    private const PrintedFields All = PrintedFields.Topic | PrintedFields.Partition | PrintedFields.Offset
        | PrintedFields.Timestamp | PrintedFields.Headers | PrintedFields.Key;

    [Fact]
    public void Text_is_the_value_and_a_line_feed() => Assert.Equal("v\n", Format(Text(PrintedFields.None), Record("k", "v")));

    [Fact]
    public void Text_has_the_fields_in_a_fixed_order()
    {
        var headers = new[] { new RecordHeader("a", "1"u8.ToArray()), new RecordHeader("b", default, hasValue: false) };
        Assert.Equal("orders|3|42|1000|a=1,b=NULL|k|v\n", Format(Text(All), Record("k", "v", headers)));
        Assert.Equal("3|v\n", Format(Text(PrintedFields.Partition), Record("k", "v")));
    }

    [Fact]
    public void Null_and_empty_differ() =>
        Assert.Equal("NULL|NULL\n|\n", Format(Text(PrintedFields.Key), Record(null, null), Record("", "")));

    [Fact]
    public void Bytes_that_are_no_text_come_out_unchanged()
    {
        var output = new OutputBuffer();
        Text(PrintedFields.None).Write(Record(default, NullableBytes.Of(new byte[] { 0xFF, 0x00, 0xC3 })), output);
        Assert.Equal("FF00C30A", Convert.ToHexString(output.Written.Span));
    }

    [Fact]
    public void Hex_writes_key_and_value_as_digits() =>
        Assert.Equal("6b|7631\nNULL|\n", Format(Text(PrintedFields.Key, hex: true), Record("k", "v1"), Record(null, "")));

    [Fact]
    public void Raw_is_the_values_and_nothing_else() =>
        Assert.Equal("ab", Format(new RawFormatter(), Record("k", "a"), Record("k", null), Record(null, "b")));

    [Fact]
    public void Json_is_an_object_a_line() => Assert.Equal(
        """
        {"topic":"orders","partition":3,"offset":42,"timestampMs":1000,"key":"k","value":"say \"hé\"\n"}
        {"topic":"orders","partition":3,"offset":42,"timestampMs":1000,"headers":[{"key":"h","value":null}],"key":null,"value":""}

        """.ReplaceLineEndings("\n"),
        Format(new JsonFormatter(), Record("k", "say \"hé\"\n"), Record(null, "", [new RecordHeader("h", default, hasValue: false)])));

    [Fact]
    public void Json_gives_bytes_that_are_no_text_as_base64_under_another_name()
    {
        var output = new OutputBuffer();
        new JsonFormatter().Write(Record(default, NullableBytes.Of(new byte[] { 0xFF, 0x00 })), output);
        Assert.Contains("\"key\":null,\"valueBase64\":\"/wA=\"}", Encoding.UTF8.GetString(output.Written.Span), StringComparison.Ordinal);
    }

    [Fact]
    public void A_large_record_grows_the_buffer_for_a_while()
    {
        var output = new OutputBuffer();
        var large = new string('x', 10_000_000);
        Text(PrintedFields.None).Write(Record(null, large), output);
        Assert.Equal(large.Length + 1, output.Length);
        output.Clear();
        Assert.True(output.GetMemory(1).Length < 1_000_000);
    }

    private static TextFormatter Text(PrintedFields fields, bool hex = false) =>
        new(fields, "|"u8.ToArray(), "NULL"u8.ToArray(), hex);

    private static string Format(RecordFormatter formatter, params ConsumerRecord<NullableBytes, NullableBytes>[] records)
    {
        var output = new OutputBuffer();
        foreach (var record in records)
            formatter.Write(record, output);
        return Encoding.UTF8.GetString(output.Written.Span);
    }

    private static ConsumerRecord<NullableBytes, NullableBytes> Record(string? key, string? value, RecordHeader[]? headers = null) =>
        Record(Bytes(key), Bytes(value), headers);

    private static ConsumerRecord<NullableBytes, NullableBytes> Record(
        NullableBytes key, NullableBytes value, RecordHeader[]? headers = null) =>
        new("orders", 3, 42, 1000, key, value, headers ?? []);

    private static NullableBytes Bytes(string? text) => text is null ? default : NullableBytes.Of(Encoding.UTF8.GetBytes(text));
}

using System.Text;
using OrleansLog.Cli.Input;
using Xunit;

namespace OrleansLog.Tests.Cli;

public sealed class LineFormatTests
{
    [Theory]
    [InlineData("k\tv", "k", "v")]
    [InlineData("k\tv\tw", "k", "v\tw")]
    [InlineData("\tv", "", "v")]
    [InlineData("k\t", "k", "")]
    [InlineData("no separator", null, "no separator")]
    [InlineData("", null, "")]
    public void Key_and_value_are_parted_at_the_first_separator(string line, string? key, string value) =>
        Check(new LineFormat { KeySeparator = "\t"u8.ToArray() }, line, key, value);

    [Fact]
    public void A_separator_may_have_several_bytes() =>
        Check(new LineFormat { KeySeparator = "::"u8.ToArray() }, "a:b::c", "a:b", "c");

    [Theory]
    [InlineData(1, "a", "a,b,c")]
    [InlineData(2, "b", "a,b,c")]
    [InlineData(3, "c", "a,b,c")]
    [InlineData(4, null, "a,b,c")]
    public void A_field_as_key_leaves_the_line_as_value(int field, string? key, string value) =>
        Check(new LineFormat { KeySeparator = ","u8.ToArray(), KeyField = field }, "a,b,c", key, value);

    [Fact]
    public void The_marker_is_a_null_value_and_its_key_stays()
    {
        var format = new LineFormat { KeySeparator = "="u8.ToArray(), NullValue = "NULL"u8.ToArray() };
        Check(format, "k=NULL", "k", null);
        Check(format, "k=NULLS", "k", "NULLS");
        Check(format, "NULL", null, null);
    }

    [Fact]
    public void Without_a_separator_the_line_is_the_value() => Check(new LineFormat(), "a\tb", null, "a\tb");

    private static void Check(LineFormat format, string line, string? key, string? value)
    {
        var record = format.Read(Encoding.UTF8.GetBytes(line));
        Assert.Equal(key, Text(record.Key));
        Assert.Equal(value, Text(record.Value));
    }

    private static string? Text(NullableBytes bytes) => bytes.HasValue ? Encoding.UTF8.GetString(bytes.Memory.Span) : null;
}

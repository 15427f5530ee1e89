using Caraway.Platform.Search;

namespace Caraway.Tests.Platform.Search;

public sealed class SearchQueryTests
{
    private static readonly SearchField[] Fields =
    [
        new(SearchField.Status, ["NEW", "IN_REVIEW"]), new(SearchField.Severity, ["low", "high"]), SearchField.Tag, SearchField.Assignee,
        SearchField.Before, SearchField.After,
    ];

    [Theory]
    [InlineData("kafka", "", "", "'kafka':*")]
    [InlineData("kafka broker", "", "kafka", "'broker':*")]
    [InlineData("  kafka   broker  ", "", "kafka", "'broker':*")]
    [InlineData("\"kafka broker\"", "", "\"kafka broker\"", "")]
    [InlineData("kafka \"no broker", "", "kafka \"no broker", "")]
    [InlineData("kafka -broker", "", "kafka -broker", "")]
    [InlineData("kafka or broker", "kafka", "", "'broker':*")]
    [InlineData("a b OR c d or e fg", "a b OR c d", "e", "'fg':*")]
    [InlineData("kafka or", "kafka", "", "")]
    [InlineData("x", "", "x", "")]
    [InlineData("o'brien", "", "o'brien", "")]
    [InlineData("back\\slash", "", "back\\slash", "")]
    [InlineData("it':*", "", "it':*", "")]
    [InlineData("a&b|!(c)<->d", "", "a&b|!(c)<->d", "")]
    [InlineData("Żółw", "", "", "'Żółw':*")]
    [InlineData("😀", "", "😀", "")]
    [InlineData("host:9092 kafka", "", "host:9092", "'kafka':*")]
    [InlineData("-status:NEW kafka", "", "-status:NEW", "'kafka':*")]
    [InlineData("\"status:NEW\" kafka", "", "\"status:NEW\"", "'kafka':*")]
    [InlineData("foo\"bar status:NEW\"", "", "foo\"bar status:NEW\"", "")]
    [InlineData("status:new kafka", "", "", "'kafka':*")]
    public void The_text_is_taken_apart(string q, string either, string words, string prefix)
    {
        Assert.Null(SearchQuery.Read(q, Fields, out var query));

        Assert.Equal((either, words, prefix), (query.Either, query.Words, query.Prefix));
    }

    [Theory]
    [InlineData("status:NEW", "status", "NEW")]
    [InlineData("Status:in_review", "status", "IN_REVIEW")]
    [InlineData("severity:HIGH kafka", "severity", "high")]
    [InlineData("tag:Kafka", "tag", "Kafka")]
    [InlineData("tag:a:b", "tag", "a:b")]
    [InlineData("assignee:\"Ines Soto\" x", "assignee", "Ines Soto")]
    [InlineData("before:2026-10-01", "before", "2026-10-01")]
    public void A_known_name_before_a_colon_is_a_field(string q, string field, string value)
    {
        Assert.Null(SearchQuery.Read(q, Fields, out var query));

        Assert.Equal(value, query[field]);
    }

    [Fact]
    public void Times_are_read_as_everywhere()
    {
        Assert.Null(SearchQuery.Read("before:2026-10-01 after:2026-09-01T12:30:00+02:00", Fields, out var query));

        Assert.Equal(new DateTime(2026, 10, 1, 0, 0, 0, DateTimeKind.Utc), query.Before);
        Assert.Equal(new DateTime(2026, 9, 1, 10, 30, 0, DateTimeKind.Utc), query.After);
        Assert.False(query.HasText);
    }

    [Theory]
    [InlineData("status:open", "The value of status: must be one of NEW, IN_REVIEW.")]
    [InlineData("status: NEW", "Write a value after status: without a blank between them.")]
    [InlineData("tag:\"\"", "Write a value after tag: without a blank between them.")]
    [InlineData("severity:1", "The value of severity: must be one of low, high.")]
    [InlineData("before:yesterday", "The value of before: must be a time such as 2026-01-31T08:15:30Z, or a day.")]
    [InlineData("after:2026-13-01", "The value of after: must be a time such as 2026-01-31T08:15:30Z, or a day.")]
    [InlineData("status:NEW status:NEW", "Name status: once.")]
    [InlineData("category:error", "category: is not a field of this search. Its fields are status, severity, tag, assignee, before, after.")]
    [InlineData("-kafka", "Write at least one word to find. Words to leave out are not enough.")]
    [InlineData("kafka or -broker", "Write at least one word to find. Words to leave out are not enough.")]
    [InlineData("-a or b", "Write at least one word to find. Words to leave out are not enough.")]
    [InlineData("a\0b", "The search text must have at most 200 characters, and not U+0000.")]
    public void A_mistake_is_refused_with_a_sentence(string q, string sentence)
    {
        var refusal = SearchQuery.Read(q, Fields, out _);

        Assert.Equal((422, sentence), (refusal?.Status, refusal?.Detail));
        Assert.Equal("#/q", Assert.Single(refusal!.Errors!).Pointer);
    }

    [Fact]
    public void The_text_has_at_most_200_characters()
    {
        Assert.Null(SearchQuery.Read(string.Concat(Enumerable.Repeat("😀", 200)), Fields, out _));
        Assert.NotNull(SearchQuery.Read(new string('x', 201), Fields, out _));
    }

    [Fact]
    public void Words_are_replaced_and_the_rest_stays()
    {
        Assert.Null(SearchQuery.Read("kafak \"kafak\" -kafak tag:x assignee:\"Ines Soto\" brokr", Fields, out var query));

        var meant = query.Replace(new Dictionary<string, string> { ["kafak"] = "kafka", ["brokr"] = "broker" });

        Assert.Equal("kafka \"kafak\" -kafak broker assignee:\"Ines Soto\" tag:x", meant.ToString());
        Assert.Equal("'broker':*", meant.Prefix);
        Assert.Equal("x", meant["tag"]);
    }

    [Fact]
    public void Alternatives_have_words_to_find_and_to_leave_out()
    {
        Assert.Null(SearchQuery.Read("ada \"love lace\" -x or grace OR", Fields, out var query));

        Assert.Equal(
            [[("ada", true), ("love lace", true), ("x", false)], [("grace", true)]], query.Alternatives.Select(words => words.ToList()));
    }

    [Fact]
    public void Only_words_of_letters_can_be_misspelt()
    {
        Assert.Null(SearchQuery.Read("kafka 42 k8s \"broker\" -topic or José", Fields, out var query));

        Assert.Equal(["kafka", "José"], query.PlainWords);
        Assert.False(query.IsPlain);
    }

    [Theory]
    [InlineData("kafka", "kafka", 0)]
    [InlineData("smiht", "smith", 1)]
    [InlineData("smth", "smith", 1)]
    [InlineData("smithe", "smith", 1)]
    [InlineData("smyth", "smith", 1)]
    [InlineData("", "smith", 5)]
    [InlineData("ab", "ba", 1)]
    [InlineData("kitten", "sitting", 3)]
    public void The_distance_counts_letters_to_change(string one, string other, int distance)
    {
        Assert.Equal(distance, EditDistance.Between(one, other));
        Assert.Equal(distance, EditDistance.Between(other, one));
    }

    [Fact]
    public void A_fragment_is_text_with_marks_beside_it()
    {
        var fragment = Fragment.Read("The \u0002kafka\u0003\nbroker, 😀 \u0002Kafka\u0003.");

        Assert.Equal("The kafka broker, 😀 Kafka.", fragment.Text);
        Assert.Equal([new(4, 5), new(21, 5)], fragment.Marks);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1.2.case")]
    [InlineData("1.2.case.3.4")]
    [InlineData("x.2.case.3")]
    [InlineData("-1.2.case.3")]
    [InlineData("99999999999999999999.2.case.3")]
    [InlineData("221845392000000001.2.case.3")]
    public void A_cursor_that_no_search_answered_is_not_read(string text) => Assert.False(SearchCursor.TryRead(text, out _));

    [Fact]
    public void A_cursor_survives_its_text()
    {
        var now = new DateTime(2026, 11, 25, 9, 26, 12, DateTimeKind.Utc).AddMicroseconds(957_501);
        var cursor = new SearchCursor(now, 60_792_711, "case", 7);

        Assert.True(SearchCursor.TryRead(cursor.ToString(), out var read));
        Assert.Equal(cursor, read);
    }
}

using Caraway.Platform.Events;

namespace Caraway.Tests.Platform.Events;

/// <summary>The rules that decide which events get positions.</summary>
public sealed class SequencingRulesTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("1a 2b 3a", "1 2 3")]
    [InlineData("1a! 2b", "2")]
    [InlineData("1a! 2a 3b 4a", "3")]
    [InlineData("1a 2a! 3a 4b! 5c", "1 5")]
    [InlineData("1a! 2b! 3a 4b", "")]
    public void A_settled_event_is_ready_unless_an_earlier_event_of_its_subject_waits(string waiting, string ready) =>
        Assert.Equal(ready, string.Join(' ', SequencingRules.SelectReady(Candidates(waiting)).Select(candidate => candidate.Id)));

    [Theory]
    [InlineData("", 10, true, 10)]
    [InlineData("3a 5b", 10, true, 10)]
    [InlineData("3a 5b", 4, true, 4)]
    [InlineData("3a 5b!", 10, true, 4)]
    [InlineData("3a! 5a", 10, true, 2)]
    [InlineData("5a!", 3, true, 3)]
    [InlineData("3a 5b", 10, false, 5)]
    [InlineData("3a 5b", 4, false, 4)]
    [InlineData("3a! 5b", 10, false, 2)]
    public void The_final_id_is_before_the_first_waiting_event_and_at_most_the_mark(
        string waiting, long mark, bool isComplete, long expected)
    {
        var candidates = Candidates(waiting);
        Assert.Equal(expected, SequencingRules.FindFinalId(mark, candidates, SequencingRules.SelectReady(candidates), isComplete));
    }

    /// <summary>Reads "3a!" as event 3 of subject a, which is not settled.</summary>
    private static List<UnsequencedEvent> Candidates(string text) =>
        [
            .. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(one => new UnsequencedEvent(
                one[0] - '0', default, "test.happened", one[1..2], "test", null, null, null, [], IsSettled: !one.EndsWith('!'))),
        ];
}

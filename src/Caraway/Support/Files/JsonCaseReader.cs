using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Caraway.Support.Files;

/// <summary>
/// <c>{"cases":[…]}</c>, or the bare list. Other members of the object are skipped, so that a page of a list can be imported, too.
/// </summary>
internal sealed class JsonCaseReader(HashedStream source, CaseRowCheck check) : CaseReader(check)
{
    private readonly ReadBuffer bytes = new(source);
    private JsonReaderState state = new(new JsonReaderOptions { MaxDepth = 64 });
    private Place place = Place.Start;
    private bool isInObject;
    private bool hasCases;
    private long index;

    private enum Place
    {
        /// <summary>Before the file's one value.</summary>
        Start,

        /// <summary>In the object that has the member cases.</summary>
        Members,

        /// <summary>In the list of cases.</summary>
        Cases,

        /// <summary>After the file's one value.</summary>
        End,
    }

    private enum Step
    {
        /// <summary>It went on by a row, or by a part of what is around the rows.</summary>
        Done,

        /// <summary>It needs more bytes.</summary>
        Stuck,

        /// <summary>It cannot go on.</summary>
        Broken,
    }

    private string Pointer => place != Place.Cases ? "#" : isInObject ? $"#/cases/{index}" : $"#/{index}";

    public override async IAsyncEnumerable<Item> Read([EnumeratorCancellation] CancellationToken cancel)
    {
        await bytes.SkipMark(cancel);
        while (true)
        {
            var step = Advance(out var item);
            if (item is not null)
                yield return item;
            if (step == Step.Stuck && (bytes.IsLast || bytes.Span.Length >= LongestRow))
            {
                if (FindFaultOfRest() is { } fault)
                    yield return fault;
                yield break;
            }

            if (step == Step.Stuck)
                await bytes.Fill(cancel);
            else if (step == Step.Broken)
                yield break;
        }
    }

    private Step Advance(out Item? item)
    {
        item = null;
        var reader = new Utf8JsonReader(bytes.Span, isFinalBlock: false, state);
        try
        {
            if (!reader.Read())
            {
                Take(reader);
                return Step.Stuck;
            }

            var step = place switch
            {
                Place.Cases => ReadRow(ref reader, ref item),
                Place.Members => ReadMember(ref reader, ref item),
                _ => ReadStart(reader.TokenType, ref item),
            };
            if (step == Step.Done)
                Take(reader);
            return step;
        }
        catch (JsonException e)
        {
            item = Fault((e.LineNumber ?? 0) + 1, Pointer, "The file is not JSON from here on.");
            return Step.Broken;
        }
    }

    private Step ReadStart(JsonTokenType token, ref Item? item)
    {
        (place, isInObject) = token == JsonTokenType.StartObject ? (Place.Members, true) : (Place.Cases, false);
        if (token is JsonTokenType.StartObject or JsonTokenType.StartArray)
            return Step.Done;
        item = Fault(bytes.Line, "#", "The file must be a JSON object with the member cases, or a JSON list.");
        return Step.Broken;
    }

    private Step ReadMember(ref Utf8JsonReader reader, ref Item? item)
    {
        var line = bytes.LineAt((int)reader.TokenStartIndex);
        if (reader.TokenType == JsonTokenType.EndObject)
        {
            place = Place.End;
            item = hasCases ? null : Fault(line, "#", "The object has no member cases.");
            return Step.Done;
        }

        if (!IsCases(reader))
            return reader.TrySkip() ? Step.Done : Step.Stuck;
        if (!reader.Read())
            return Step.Stuck;
        if (reader.TokenType == JsonTokenType.StartArray && !hasCases)
        {
            (place, hasCases) = (Place.Cases, true);
            return Step.Done;
        }

        item = Fault(line, "#/cases", hasCases ? "The object has this name twice." : "This must be a JSON list.");
        return Step.Broken;
    }

    private static bool IsCases(in Utf8JsonReader reader)
    {
        try
        {
            return reader.ValueTextEquals("cases"u8);
        }
        catch (InvalidOperationException)
        {
            // The name has half of a surrogate pair: it is another one.
            return false;
        }
    }

    private Step ReadRow(ref Utf8JsonReader reader, ref Item? item)
    {
        if (reader.TokenType == JsonTokenType.EndArray)
        {
            place = isInObject ? Place.Members : Place.End;
            return Step.Done;
        }

        var begin = (int)reader.TokenStartIndex;
        if (!reader.TrySkip())
            return Step.Stuck;
        item = Parse(bytes.Memory[begin..(int)reader.BytesConsumed], bytes.LineAt(begin), Pointer);
        index++;
        return Step.Done;
    }

    /// <summary>The fault of bytes in which the reader is stuck for good; null at a proper end.</summary>
    private Item? FindFaultOfRest() => place switch
    {
        _ when !bytes.IsLast => Fault(bytes.LineAt(FirstByte()), Pointer, TooLong),
        Place.End => null,
        Place.Start when bytes.Span.IsEmpty => Fault(bytes.Line, "#", Empty),
        _ => Fault(bytes.LineAt(bytes.Span.Length), Pointer, "The file ends too early."),
    };

    /// <summary>Where the row begins after white space and a comma.</summary>
    private int FirstByte() => Math.Max(0, bytes.Span.IndexOfAnyExcept(" \t\r\n,"u8));

    private void Take(in Utf8JsonReader reader)
    {
        state = reader.CurrentState;
        bytes.Take((int)reader.BytesConsumed);
    }
}

using System.Buffers.Binary;
using System.Text;
using Google.Protobuf;
using Mazij.Data;
using Mazij.Tests.Data;
using Mazij.Training;
using Mazij.Training.TensorBoard;

namespace Mazij.Tests.Training.TensorBoard;

/// <summary>Event files are taken apart by Google's protobuf reader and a checksum computed bit by bit.</summary>
public sealed class EventFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_checksum_is_Castagnolis_masked()
    {
        // The check value that catalogues of CRCs give for "123456789".
        Assert.Equal(0xE3069283u, Crc32C("123456789"u8));
        for (int length = 0; length < 40; length++)
        {
            byte[] data = [.. Enumerable.Range(1, length).Select(i => (byte)(37 * i))];
            Assert.Equal(Masked(Crc32C(data)), RecordStream.MaskedChecksum(data));
        }
    }

    [Fact]
    public void Every_step_evaluation_sample_and_event_is_in_the_file()
    {
        new FakeRun(3, [new TensorBoardCallback(folder.Root), new Teller()], load: _ => [[3, 1]]).RunAndClose();
        List<Event> events = Read(Assert.Single(Files()));
        Assert.Equal("brain.Event:2", events[0].Version);
        Assert.Equal((1, 1), (events[1].SessionStatus, events[1].Step));
        Assert.All(events, one => Assert.InRange(one.WallTime, 1.6e9, 1e10));
        Assert.Equal([(1, 10f), (2, 5f), (3, 10f / 3)], Scalars(events, "loss/train"));
        Assert.Equal([(2, 2.5f)], Scalars(events, "loss/validation"));
        Assert.Equal([(1, 1.5f), (2, 1.5f), (3, 1.5f)], Scalars(events, "experts/load_max_over_mean"));
        Assert.Empty(Scalars(events, "loss/prediction"));
        Value sample = Assert.Single(events.SelectMany(one => one.Values), value => value.Tag == "samples/The ");
        Assert.Equal(("text", "```text\nThe größe\n```\n"), (sample.Plugin, sample.Text));
        Value spike = Assert.Single(events.SelectMany(one => one.Values), value => value.Tag == "events/wide_spike");
        Assert.Equal(("text", "a spike"), (spike.Plugin, spike.Text));
    }

    [Fact]
    public void A_resumed_run_writes_another_file_that_voids_the_steps_behind_its_checkpoint()
    {
        new FakeRun(6, [new TensorBoardCallback(folder.Root)]).RunAndClose();
        new FakeRun(8, [new TensorBoardCallback(folder.Root)], start: new TrainingProgress { Step = 4, Tokens = 32 }).RunAndClose();
        string[] files = Files();
        Assert.Equal(2, files.Length);
        List<Event> second = Read(files[1]);
        Assert.Equal((1, 5), (second[1].SessionStatus, second[1].Step));
        Assert.Equal([5, 6, 7, 8], Scalars(second, "loss/train").Select(scalar => scalar.Step));
    }

    private string[] Files() => [.. Directory.GetFiles(folder.Root, "events.out.tfevents.*").Order(StringComparer.Ordinal)];

    private static IEnumerable<(long Step, float Number)> Scalars(List<Event> events, string tag) =>
        events.SelectMany(one => one.Values.Where(value => value.Tag == tag).Select(value => (one.Step, value.Number!.Value)));

    private static List<Event> Read(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        List<Event> events = [];
        for (int at = 0; at < bytes.Length;)
        {
            long length = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(at));
            Assert.Equal(Masked(Crc32C(bytes.AsSpan(at, 8))), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8)));
            ReadOnlySpan<byte> record = bytes.AsSpan(at + 12, (int)length);
            Assert.Equal(Masked(Crc32C(record)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 12 + (int)length)));
            events.Add(Event.Parse(record.ToArray()));
            at += 16 + (int)length;
        }
        return events;
    }

    private static uint Masked(uint crc) => ((crc >> 15) | (crc << 17)) + 0xa282ead8;

    /// <summary>Bit by bit, as the polynomial is defined.</summary>
    private static uint Crc32C(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in data)
        {
            crc ^= one;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
        }
        return ~crc;
    }

    /// <summary>The fields of tensorboard/compat/proto/event.proto that are used.</summary>
    private sealed class Event
    {
        public double WallTime { get; private set; }

        public long Step { get; private set; }

        public string? Version { get; private set; }

        public int SessionStatus { get; private set; }

        public List<Value> Values { get; } = [];

        public static Event Parse(byte[] bytes)
        {
            Event parsed = new();
            Fields(bytes, (field, input) =>
            {
                switch (field)
                {
                    case 1: parsed.WallTime = input.ReadDouble(); break;
                    case 2: parsed.Step = input.ReadInt64(); break;
                    case 3: parsed.Version = input.ReadString(); break;
                    case 5:
                        Fields(input.ReadBytes().ToByteArray(), (_, summary) => parsed.Values.Add(Value.Parse(summary.ReadBytes().ToByteArray())));
                        break;
                    case 7: Fields(input.ReadBytes().ToByteArray(), (_, session) => parsed.SessionStatus = session.ReadEnum()); break;
                    default: Assert.Fail($"event.proto has no field {field} that we write"); break;
                }
            });
            return parsed;
        }

        public static void Fields(byte[] bytes, Action<int, CodedInputStream> read)
        {
            using CodedInputStream input = new(bytes);
            for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
                read(WireFormat.GetTagFieldNumber(tag), input);
        }
    }

    /// <summary>A Summary.Value of summary.proto.</summary>
    private sealed class Value
    {
        public string Tag { get; private set; } = "";

        public float? Number { get; private set; }

        public string? Plugin { get; private set; }

        public string? Text { get; private set; }

        public static Value Parse(byte[] bytes)
        {
            Value parsed = new();
            Event.Fields(bytes, (field, input) =>
            {
                switch (field)
                {
                    case 1: parsed.Tag = input.ReadString(); break;
                    case 2: parsed.Number = input.ReadFloat(); break;
                    case 8: parsed.Text = StringOf(input.ReadBytes().ToByteArray()); break;
                    case 9:
                        Event.Fields(input.ReadBytes().ToByteArray(), (_, metadata) =>
                            Event.Fields(metadata.ReadBytes().ToByteArray(), (_, plugin) => parsed.Plugin = plugin.ReadString()));
                        break;
                    default: Assert.Fail($"summary.proto has no field {field} that we write"); break;
                }
            });
            return parsed;
        }

        /// <summary>The one string of a TensorProto of shape [1].</summary>
        private static string StringOf(byte[] bytes)
        {
            string text = "";
            Event.Fields(bytes, (field, input) =>
            {
                switch (field)
                {
                    case 1: Assert.Equal(7, input.ReadEnum()); break;
                    case 2: Assert.Equal([0x12, 2, 8, 1], input.ReadBytes().ToByteArray()); break;
                    case 8: text = Encoding.UTF8.GetString(input.ReadBytes().ToByteArray()); break;
                    default: Assert.Fail($"tensor.proto has no field {field} that we write"); break;
                }
            });
            return text;
        }
    }

    private sealed class Teller : TrainingCallback
    {
        public override void StepDone(Trainer trainer, StepRecord record)
        {
            if (record.Step != 2)
                return;
            trainer.Report(new EvaluationRecord(2, 16, 2.5, 1, 100, 0.25));
            trainer.Show(new SampleRecord(2, "The ", "größe"));
            trainer.Report(new TrainingEvent(2, TrainingEventKind.WideSpike, "a spike", [new DocumentReference("web.jsonl", 17, 0, 5, 9)]));
        }
    }
}

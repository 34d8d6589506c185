"""What a user would do with a broker and nothing to score: take messages, send each on, confirmed.

python plain_broker.py redis HOST PORT ROWS SCORES
"""

import asyncio
import sys

TOGETHER = 1000


def redis(host, port, rows, scores):
    import redis

    client = redis.Redis(host, int(port))
    client.xgroup_create(rows, "plain", id="0", mkstream=True)
    while True:
        for _, entries in client.xreadgroup("plain", "one", {rows: ">"}, count=TOGETHER, block=1000):
            together = client.pipeline(transaction=False)
            for _, fields in entries:
                together.xadd(scores, fields)
            together.execute()
            client.xack(rows, "plain", *(number for number, _ in entries))


def rabbitmq(host, port, rows, scores):
    import pika

    # the blocking connection would wait for the confirmation of each message
    def opened(connection):
        connection.channel(on_open_callback=begin)

    def begin(channel):
        channel.confirm_delivery(lambda frame: confirmed(channel, frame.method))
        channel.basic_qos(prefetch_count=TOGETHER)
        channel.basic_consume(rows, send)

    def send(channel, _method, properties, body):
        channel.basic_publish("", scores, body, properties, mandatory=True)

    def confirmed(channel, method):
        # each is sent as it comes, so that both are numbered alike
        assert method.NAME == "Basic.Ack"
        channel.basic_ack(method.delivery_tag, multiple=method.multiple)

    pika.SelectConnection(pika.ConnectionParameters(host, int(port)), opened).ioloop.start()


def nats(host, port, rows, scores):
    import nats

    async def loop():
        client = await nats.connect(f"nats://{host}:{port}")
        stream = client.jetstream(publish_async_max_pending=TOGETHER)
        reader = await stream.pull_subscribe(f"{rows}.in", "plain")
        while True:
            messages = await reader.fetch(TOGETHER, timeout=60)
            sent = [await stream.publish_async(f"{scores}.in", message.data) for message in messages]
            await asyncio.gather(*sent)
            for message in messages:
                await message.ack()

    asyncio.run(loop())


def kafka(servers, _port, rows, scores):
    from confluent_kafka import Consumer, Producer

    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    settings = {"group.id": "plain", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": servers, **settings})
    consumer.subscribe([rows])
    while True:
        records = consumer.consume(TOGETHER, 1)
        for record in records:
            producer.produce(scores, record.value(), record.key())
        producer.flush()
        if records:
            consumer.commit(asynchronous=False)


globals()[sys.argv[1]](*sys.argv[2:])

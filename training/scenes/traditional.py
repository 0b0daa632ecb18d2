"""Simplified Chinese in traditional characters, one by one, as far as descriptions use them."""

from __future__ import annotations

_PAIRS = (
    "个個 边邊 图圖 两兩 写寫 占佔 满滿 画畫 于於 处處 为爲 请請 张張 里裡 帮幫 给給 来來 这這 "
    "颜顏 圆圓 点點 块塊 爱愛 红紅 号號 环環 弯彎 鲜鮮 黄黃 绿綠 蓝藍 罗羅 兰蘭 纯純 银銀 浅淺 "
    "极極 顶頂 侧側 间間 条條 纹紋 体體 风風 颗顆 辆輛 猫貓 苹蘋 树樹 车車 轿轎 鱼魚 儿兒 鸟鳥 "
    "阳陽 云雲 柠檸 樱櫻 萝蘿 鸡雞 汉漢 萨薩 饼餅 干乾 狮獅 猪豬 鹅鵝 头頭 鹰鷹 鸭鴨 虫蟲 乌烏 "
    "龟龜 鲸鯨 蜗蝸 郁鬱 叶葉 枫楓 榈櫚 圣聖 诞誕 单單 脚腳 飞飛 机機 气氣 礼禮 铃鈴 铛鐺 钟鐘 "
    "灯燈 钥鑰 锁鎖 挂掛 书書 铅鉛 笔筆 电電 话話 脑腦 记記 伞傘 镜鏡 衬襯 运運 动動 钻鑽 篮籃 "
    "奖獎 军軍 灵靈 脸臉 马馬 独獨 兽獸 鳄鱷 鲨鯊 虾蝦 蚂螞 蚁蟻 长長 颈頸 骆駱 驼駝 绵綿 猬蝟 "
    "龙龍 葱蔥 栗慄 盐鹽 热熱 寿壽 饭飯 纸紙 猕獼 药藥 帐帳 护護 锚錨 闹鬧 视視 麦麥 钢鋼 调調 "
    "锤錘 铁鐵 远遠 蜡蠟 烛燭 筝箏 榄欖 网網 龄齡 购購 宝寶 连連 裤褲 袜襪 闪閃 髅髏 门門 扫掃 "
    "钱錢 "
)
_TABLE = str.maketrans({pair[0]: pair[1] for pair in _PAIRS.split()})


def traditional(text: str) -> str:
    """The text with every character of the table written as before the reform."""
    return text.translate(_TABLE)

"""Words of the generated shops in `sparse_sets.py`: 24 departments, 8 styles, brands."""


def words(text: str) -> list[str]:
    """Return what stands between commas."""
    return text.split(",")


DEPARTMENTS = {
    "Cookware": "frying pan,saucepan,casserole,wok,roasting tin,stockpot|"
    "simmer,sear,stove,lid,non-stick,induction,oven,sauce,stew,chef",
    "Coffee & Tea": "coffee grinder,teapot,espresso cup,moka pot,milk frother,tea infuser|"
    "brew,beans,aroma,espresso,roast,leaf,crema,steep,barista,kettle",
    "Gardening": "pruning shears,watering can,planter,garden hose,trowel,seed tray|"
    "soil,seedling,roses,prune,harvest,compost,greenhouse,bloom,hedge,herbs",
    "Camping": "tent,sleeping bag,camp stove,headlamp,hiking backpack,camping chair|"
    "trail,campfire,waterproof,summit,forest,lightweight,shelter,night,hike,trek",
    "Cycling": "bike helmet,pannier,cycling jersey,bike lock,saddle,bicycle pump|"
    "ride,commute,handlebar,tyre,pedal,gravel,frame,chain,aerodynamic,reflective",
    "Running": "running shoes,running shorts,sports watch,foam roller,hydration belt,running cap|"
    "marathon,pace,stride,cushioning,sprint,breathable,training,sweat,heel,miles",
    "Yoga": "yoga mat,yoga block,meditation cushion,yoga strap,leggings,balance board|"
    "stretch,pose,breathing,calm,grip,flexibility,studio,balance,flow,mindful",
    "Baby": "stroller,baby monitor,bib,pacifier,crib sheet,changing bag|"
    "newborn,toddler,nursery,gentle,nap,parents,feeding,diaper,crawl,lullaby",
    "Toys": "building blocks,puzzle,toy train,plush bear,board game,doll house|"
    "play,children,imagination,pieces,learn,colorful,pretend,birthday,fun,collect",
    "Pets": "dog bed,cat tree,leash,pet bowl,scratching post,dog toy|"
    "puppy,kitten,fur,chew,paws,walk,treats,collar,bark,litter",
    "Bedding": "duvet cover,pillow,fitted sheet,mattress topper,blanket,bedspread|"
    "sleep,thread count,cozy,bedroom,feathers,hypoallergenic,dream,warm,night,linen",
    "Bath": "bath towel,shower curtain,bath mat,soap dispenser,bathrobe,toothbrush holder|"
    "absorbent,spa,shower,rinse,tiles,quick-drying,steam,bathroom,lather,fluffy",
    "Lighting": "desk lamp,pendant light,floor lamp,light bulb,wall sconce,string lights|"
    "dimmable,glow,lumens,bright,shade,socket,warm white,ceiling,reading,ambient",
    "Office": "office chair,notebook,desk organizer,fountain pen,whiteboard,filing cabinet|"
    "paper,ink,meeting,ergonomic,documents,desk,write,planner,workspace,clip",
    "Audio": "headphones,bluetooth speaker,turntable,microphone,soundbar,earbuds|"
    "bass,noise cancelling,wireless,vinyl,stereo,playlist,treble,podcast,volume,studio sound",
    "Photography": "camera bag,tripod,lens filter,photo printer,ring light,memory card|"
    "aperture,portrait,shutter,focus,landscape,zoom,exposure,film,lens,snapshot",
    "Gaming": "gaming mouse,mechanical keyboard,controller,gaming headset,mouse pad,monitor|"
    "console,level,latency,esports,buttons,joystick,pixel,graphics,multiplayer,score",
    "Tools": "cordless drill,hammer,screwdriver set,spirit level,tool box,circular saw|"
    "torque,bolts,workshop,timber,blade,battery,repair,build,steel,precision",
    "Car Care": "car wax,dash cam,tyre inflator,car vacuum,seat cover,phone mount|"
    "windscreen,engine,dashboard,polish,highway,garage,driver,paintwork,upholstery,parking",
    "Skincare": "face cream,serum,sunscreen,cleansing gel,clay mask,lip balm|"
    "skin,hydrating,vitamin,pores,moisture,aloe,wrinkles,soothing,glow,dermatologist",
    "Makeup": "lipstick,eyeliner,foundation,mascara,blush palette,makeup brush|"
    "lashes,matte,shimmer,pigment,long-wearing,cheeks,eyes,glossy,contour,shade",
    "Menswear": "oxford shirt,chinos,wool blazer,leather belt,polo shirt,tie|"
    "tailored,collar,cuffs,slim fit,suit,buttons,wardrobe,smart,formal,gentleman",
    "Dresses": "summer dress,maxi skirt,blouse,evening gown,cardigan,jumpsuit|"
    "flowing,neckline,floral,waist,silhouette,pleats,feminine,hem,party,draped",
    "Baking": "cake tin,rolling pin,stand mixer,cookie cutter,piping bag,bread basket|"
    "dough,flour,icing,yeast,pastry,muffins,chocolate,sourdough,whisk,crust",
}
"""For each department six products, and ten words that its descriptions use."""

STYLES = {
    "rustic": "rustic,handmade,farmhouse,weathered,artisan",
    "modern": "modern,minimalist,sleek,clean-lined,understated",
    "retro": "retro,vintage,classic,nostalgic,old-school",
    "premium": "premium,luxurious,elegant,exclusive,refined",
    "budget": "affordable,basic,everyday,simple,no-frills",
    "eco": "organic,recycled,sustainable,plastic-free,fair-trade",
    "playful": "playful,cheerful,quirky,fun,whimsical",
    "pro": "professional,heavy-duty,high-performance,expert,competition-grade",
}
"""For each style the words that stand for it."""

COLORS = words("black,white,navy,olive,red,sand,teal,grey,mustard,rose,copper,cream")
MATERIALS = words("steel,cotton,oak,ceramic,leather,bamboo,aluminium,linen,glass,wool,rubber")
BRANDS = words(
    "Alden,Brisa,Corvo,Delmar,Elmwood,Fenn,Grova,Hartley,Inka,Jorvik,Kestrel,Lumo,Marlow,Nordlys,"
    "Oster,Pilar,Quill,Rivera,Sable,Tarn,Umbra,Vesta,Willow,Xara,Yarrow,Zephyr,Arbor,Bexley,Cresta,"
    "Dorado,Everly,Foxglove"
)
SENTENCES = (
    "Made for {a} and {b}.",
    "A {style} choice when it comes to {a}, with {b} in mind.",
    "It brings together {a}, {b} and {c}.",
    "Customers like it for {a} and for {b}.",
    "Whether it is {a} or {b}: this one does its job.",
    "The {material} parts are easy to clean.",
    "Comes with a two-year warranty and a manual.",
    "Think of {a}, then of {b}, and you have the idea.",
    "A gift for everyone who cares about {a}.",
    "Ships within three days in a {style} box.",
)
